// One kernel source for CPU and GPU. On a GPU a lane is one number and every replica has a thread; on a CPU a lane is
// one vector register of replicas and FOR_EACH is an OpenMP loop (FOR_FEW a plain one). Nothing else knows the target.
#pragma once

#ifdef __CUDACC__

#define KERNEL __global__ void
// of `real`, in blocks of 256 threads: 64 registers in single precision, so that four blocks fit
#define FULL_KERNEL __global__ void __launch_bounds__(256, 16 / sizeof(real))
#define DEVICE __device__ __forceinline__
#define COLD __device__ __forceinline__  // code that few models need
#define NO_UNROLL _Pragma("unroll 1")    // a loop that few models enter, which should not take registers
// blocks (of sites, mostly) are the fastest axis of a grid: what runs at the same time is near in memory
#define FOR_EACH(block, blocks, r, replicas)                                                                   \
    for (int block = blockIdx.x * blockDim.y + threadIdx.y; block < (blocks); block += gridDim.x * blockDim.y) \
        for (int r = blockIdx.y * blockDim.x + threadIdx.x; r < (replicas); r += gridDim.y * blockDim.x)
#define FOR_FEW FOR_EACH
#define FOR_EACH_REPLICA(r, replicas)                                                                    \
    for (int r = blockIdx.y * blockDim.x + threadIdx.x; r < (replicas) && blockIdx.x + threadIdx.y == 0; \
         r += gridDim.y * blockDim.x)
// a block of threads has one chunk of sites and one block of replicas, and its warps have the sites of the chunk in
// turn
#define FOR_EACH_CHUNK(c, sites, chunk, r, replicas) \
    if (const int c = blockIdx.x, r = blockIdx.y * width + threadIdx.x; r < (replicas))
#define FOR_SITES(i, c, chunk, sites) \
    for (int i = (c) * (chunk) + threadIdx.y; i < (sites) && i < ((c) + 1) * (chunk); i += warps)

// Kernels whose threads cooperate through shared memory: in the GPU build only, in files that the CPU build does not
// include. What emulates a GPU brings SHARED, SHARED_ROOM and BARRIER of its own.
#define BLOCK_KERNEL __global__ void
#define FULL_BLOCK_KERNEL FULL_KERNEL
#define LINE_KERNEL __global__ void __launch_bounds__(512, 1)  // up to 512 threads a block: 128 registers each
// the same, and blocks of up to 256 `threads` have few enough registers in single precision that three of them fit
#define FULL_LINE_KERNEL __global__ void __launch_bounds__(threads, threads > 256 ? 1 : sizeof(real) == 4 ? 3 : 2)
#ifndef BARRIER
#define BARRIER __syncthreads()  // all threads of a block wait for one another here
#define SHARED(type, name, count) __shared__ type name[count]
// dynamic shared memory, whose bytes are an argument of the launch
#define SHARED_ROOM(type, name)                    \
    extern __shared__ double room_of_the_launch[]; \
    type* const name = (type*)room_of_the_launch
#endif

constexpr int width = 32;             // replicas of a block: a warp
constexpr int warps = 8;              // of a block of threads
constexpr int parts_at_once = warps;  // of a sweep, in a block of threads
constexpr int bonds_at_once = 2;      // whose spins a thread loads together
template <typename real>
using lane = real;
template <typename real>
constexpr int lanes = 1;
using uint32 = unsigned int;
using uint64 = unsigned long long;
template <typename real>
using word = uint32;  // 32 random bits for each lane
template <typename real>
struct twin;  // the integer as wide as a real
template <>
struct twin<float> {
    using type = int;
    using bits = uint32;
};
template <>
struct twin<double> {
    using type = long long;
    using bits = uint64;
};
template <typename real>
using whole = typename twin<real>::type;

// reinterpret the bits of a number as a word, and a word as a number
template <typename real>
DEVICE whole<real> as_whole(real v) {
    union {
        real number;
        whole<real> bits;
    } both{v};
    return both.bits;
}
template <typename real>
DEVICE real as_real(whole<real> bits) {
    const union {
        whole<real> bits;
        real number;
    } both{bits};
    return both.number;
}
template <typename real>
DEVICE real number_of(uint32 w) {
    return (real)w;
}
// the number f(k) in every lane k
template <typename real, typename F>
DEVICE real each_lane(F f) {
    return f(0);
}
// the number f(k) in every lane k below n, zero in the others
template <typename real, typename F>
DEVICE real first_lanes(int n, F f) {
    return n > 0 ? f(0) : real(0);
}
// the nine numbers of a matrix, aligned and padded to twelve: a warp reads them in a few wide loads
constexpr int matrix_stride = 12;
template <typename real>
struct alignas(16) Quad {
    real v[16 / sizeof(real)];
};
template <typename real>
struct Matrix {
    real v[9];
    DEVICE explicit Matrix(const real* p) {
        constexpr int wide = 16 / sizeof(real);
#pragma unroll
        for (int k = 0; k < 8 / wide; ++k) {
            const Quad<real> quad = ((const Quad<real>*)p)[k];
#pragma unroll
            for (int j = 0; j < wide; ++j) v[k * wide + j] = quad.v[j];
        }
        v[8] = p[8];
    }
    DEVICE real operator[](int k) const { return v[k]; }
};
DEVICE float root(float v) { return sqrtf(v); }
DEVICE double root(double v) { return sqrt(v); }
DEVICE float inverse_root(float v) { return rsqrtf(v); }  // one instruction, within two units of the last digit
DEVICE double inverse_root(double v) { return rsqrt(v); }
template <typename real>
DEVICE void add_to(double* sum, real v) {
    *sum += v;
}

// The sums of a chunk of sites, sum [quantity, replica]; quantity `largest` is a maximum. A thread sees few sites: what
// it adds up meets that of the other warps in shared memory, once, in double precision and in a fixed order. `adding`:
// to what the sums are already.
template <typename real, int quantities>
DEVICE void open_sums(double*, int) {}
template <typename real, int quantities>
DEVICE void flush_sums(real (&)[quantities], double*, int, int) {}
template <typename real, int quantities, bool adding = false>
DEVICE void close_sums(real (&v)[quantities], double* sum, int largest, int replicas) {
    SHARED(real, part, warps * warps * width);
    for (int first = 0; first < quantities; first += warps) {
        for (int q = first; q < quantities && q < first + warps; ++q)
            part[((q - first) * warps + threadIdx.y) * width + threadIdx.x] = v[q];
        BARRIER;
        const int q = first + threadIdx.y;  // a warp for each quantity
        if (q < quantities) {
            double total = adding ? sum[(long long)q * replicas] : 0;
            for (int w = 0; w < warps; ++w) {
                const double more = part[(threadIdx.y * warps + w) * width + threadIdx.x];
                total = q != largest ? total + more : more > total || more != more ? more : total;
            }
            sum[(long long)q * replicas] = total;
        }
        BARRIER;
    }
}
template <typename real>
DEVICE uint32 lane_numbers() {
    return 0;
}
template <typename real>
DEVICE real element(real v, int) {
    return v;
}

#else

#include <cmath>
#include <cstdint>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define KERNEL static void
#define FULL_KERNEL KERNEL
#define DEVICE inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))
#define NO_UNROLL
#define PRAGMA(...) _Pragma(#__VA_ARGS__)
// clang-format off
#define FOR_EACH(block, blocks, r, replicas)                                                                     \
    PRAGMA(omp parallel for collapse(2) schedule(static) if ((long long)(blocks) * (replicas) > lanes<real>)) \
    for (int block = 0; block < (blocks); ++block)                                                               \
        for (int r = 0; r < (replicas); r += lanes<real>)
// clang-format on
#define FOR_FEW(block, blocks, r, replicas)        \
    for (int block = 0; block < (blocks); ++block) \
        for (int r = 0; r < (replicas); r += lanes<real>)
#define FOR_EACH_REPLICA(r, replicas) for (int r = 0; r < (replicas); ++r)
#define FOR_EACH_CHUNK(c, sites, chunk, r, replicas) FOR_EACH (c, ((sites) + (chunk) - 1) / (chunk), r, replicas)
#define FOR_SITES(i, c, chunk, sites) for (int i = (c) * (chunk); i < (sites) && i < ((c) + 1) * (chunk); ++i)

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#elif defined(__AVX2__)
constexpr int register_bytes = 32;
#else
constexpr int register_bytes = 16;
#endif

constexpr int width = 16;         // replicas of a block: a cache line of float
constexpr int parts_at_once = 1;  // of a sweep, in a chunk
constexpr int bonds_at_once = 1;
template <typename real>
constexpr int lanes = register_bytes / (int)sizeof(real);
template <typename real>
struct pack {
    typedef real type __attribute__((vector_size(register_bytes), aligned(sizeof(real)), may_alias));
};
template <typename real>
using lane = typename pack<real>::type;
using uint32 = std::uint32_t;
using uint64 = std::uint64_t;
template <int bytes>
struct words {
    typedef uint32 type __attribute__((vector_size(bytes), aligned(4), may_alias));
    typedef uint64 pairs __attribute__((vector_size(bytes), aligned(4), may_alias));
};
template <typename real>
using word = typename words<4 * lanes<real> >::type;  // 32 random bits for each lane
template <typename real>
struct twin;  // integers as wide as the reals of a lane
template <>
struct twin<float> {
    typedef int type __attribute__((vector_size(register_bytes), may_alias));
    typedef uint32 bits __attribute__((vector_size(register_bytes), may_alias));
};
template <>
struct twin<double> {
    typedef long long type __attribute__((vector_size(register_bytes), may_alias));
    typedef uint64 bits __attribute__((vector_size(register_bytes), may_alias));
};
template <typename real>
using whole = typename twin<real>::type;
using std::acos;
using std::cos;
using std::sin;
using std::sqrt;

// the number f(k) in every lane k
template <typename real, typename F>
DEVICE lane<real> each_lane(F f) {
    lane<real> v;
    for (int k = 0; k < lanes<real>; ++k) v[k] = f(k);
    return v;
}
// the number f(k) in every lane k below n, zero in the others
template <typename real, typename F>
DEVICE lane<real> first_lanes(int n, F f) {
    if (n >= lanes<real>) return each_lane<real>(f);
    lane<real> v{};
    for (int k = 0; k < n; ++k) v[k] = f(k);
    return v;
}
constexpr int matrix_stride = 9;
template <typename real>
struct Matrix {
    const real* p;
    DEVICE explicit Matrix(const real* first) : p(first) {}
    DEVICE real operator[](int k) const { return p[k]; }
};
template <typename L>
DEVICE L root(L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k) v[k] = std::sqrt(v[k]);
    return v;
}
DEVICE float root(float v) { return std::sqrt(v); }
DEVICE double root(double v) { return std::sqrt(v); }
template <typename L>
DEVICE L inverse_root(L v) {
    return 1 / root(v);
}
template <typename L>
DEVICE void add_to(double* sum, L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k) sum[k] += v[k];
}
template <typename L>
DEVICE void raise_to(double* largest, L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k)
        largest[k] = v[k] > largest[k] || v[k] != v[k] ? v[k] : largest[k];
}

// The sums of a chunk of sites, sum [quantity, replica]; quantity `largest` is a maximum. A few sites are summed in
// `real`, then flushed into double precision.
template <typename real, int quantities>
DEVICE void open_sums(double* sum, int replicas) {
    for (int q = 0; q < quantities; ++q)
        for (int k = 0; k < lanes<real>; ++k) sum[q * replicas + k] = 0;
}
template <typename real, int quantities>
DEVICE void flush_sums(lane<real> (&v)[quantities], double* sum, int largest, int replicas) {
#pragma GCC unroll 8  // few sums stay in registers
    for (int q = 0; q < quantities; ++q) {
        if (q == largest)
            raise_to(sum + q * replicas, v[q]);
        else
            add_to(sum + q * replicas, v[q]);
        v[q] = lane<real>{};
    }
}
template <typename real, int quantities, bool adding = false>
DEVICE void close_sums(lane<real> (&v)[quantities], double* sum, int largest, int replicas) {
    flush_sums<real>(v, sum, largest, replicas);
}

// reinterpret the bits of a number as a word, and a word as a number
template <typename real>
DEVICE whole<real> as_whole(lane<real> v) {
    return (whole<real>)v;
}
template <typename real>
DEVICE lane<real> as_real(whole<real> bits) {
    return (lane<real>)bits;
}
template <typename real>
DEVICE lane<real> number_of(word<real> w) {
    return __builtin_convertvector(w, lane<real>);
}

// 0, 1, 2, ...
template <typename real>
DEVICE word<real> lane_numbers() {
    word<real> numbers{};
    for (int k = 0; k < lanes<real>; ++k) numbers[k] = k;
    return numbers;
}
template <typename real>
DEVICE real element(lane<real> v, int k) {
    return v[k];
}

// products with m of the lower halves of 64-bit numbers
template <typename Pairs>
DEVICE Pairs times_lower(uint32 m, Pairs x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(Pairs) == 64) return (Pairs)_mm512_mul_epu32((__m512i)x, _mm512_set1_epi64(m));
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(Pairs) == 32) return (Pairs)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(m));
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(Pairs) == 16) return (Pairs)_mm_mul_epu32((__m128i)x, _mm_set1_epi64x(m));
#endif
    return (x & 0xFFFFFFFFu) * m;
}
// a * b as two words, for a register of words
template <typename W>
DEVICE void multiply_words(uint32 a, W b, W& high, W& low) {
    using Pairs = typename words<(int)sizeof(W)>::pairs;
    const Pairs lower = (Pairs)(W{} + 0xFFFFFFFFu) >> 32, even = times_lower(a, (Pairs)b),
                odd = times_lower(a, (Pairs)b >> 32);
    high = (W)((even >> 32) | (odd & ~lower));
    low = (W)((even & lower) | (odd << 32));
}

#endif

DEVICE void multiply_words(uint32 a, uint32 b, uint32& high, uint32& low) {
    const uint64 product = (uint64)a * b;
    high = (uint32)(product >> 32), low = (uint32)product;
}

// Replicas live in blocks of `width`: spins [block, site, 3, width]. Where site i of replica r begins:
DEVICE long long place(int i, int r, int sites) { return ((long long)(r / width) * sites + i) * 3 * width + r % width; }

template <typename real>
DEVICE lane<real> load(const real* p) {
    return *(const lane<real>*)p;
}
template <typename real>
DEVICE void store(real* p, lane<real> v) {
    *(lane<real>*)p = v;
}
template <typename real>
DEVICE word<real> load_words(const uint32* p) {
    return *(const word<real>*)p;
}
template <typename M, typename L>
DEVICE L where(M yes, L a, L b) {
    return yes ? a : b;
}
template <typename L>
DEVICE L larger(L a, L b) {  // NaN where one of them is
    return where((b > a) | (b != b), b, a);
}
