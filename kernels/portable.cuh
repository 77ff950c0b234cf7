// One kernel text, two machines. On a GPU a lane is one number and every replica has a thread; on a CPU a lane is one
// vector register of replicas and FOR_EACH is an OpenMP loop (FOR_FEW a plain one). Nothing else knows the target.
#pragma once

#ifdef __CUDACC__

#define KERNEL __global__ void
#define DEVICE __device__ __forceinline__
#define FOR_EACH(block, blocks, r, replicas)                                                                   \
    for (int block = blockIdx.y * blockDim.y + threadIdx.y; block < (blocks); block += gridDim.y * blockDim.y) \
        for (int r = blockIdx.x * blockDim.x + threadIdx.x; r < (replicas); r += gridDim.x * blockDim.x)
#define FOR_FEW FOR_EACH
#define FOR_EACH_REPLICA(r, replicas)                                                                    \
    for (int r = blockIdx.x * blockDim.x + threadIdx.x; r < (replicas) && blockIdx.y + threadIdx.y == 0; \
         r += gridDim.x * blockDim.x)

constexpr int width = 32;  // replicas of a block: a warp
template <typename real>
using lane = real;
template <typename real>
constexpr int lanes = 1;
using uint32 = unsigned int;
using uint64 = unsigned long long;

DEVICE float root(float v) { return sqrtf(v); }
DEVICE double root(double v) { return sqrt(v); }
template <typename real>
DEVICE void add_to(double* sum, real v) {
    *sum += v;
}
template <typename real>
DEVICE void raise_to(double* largest, real v) {
    *largest = v > *largest || v != v ? v : *largest;
}

#else

#include <cmath>
#include <cstdint>

#define KERNEL static void
#define DEVICE inline __attribute__((always_inline))
// clang-format off
#define FOR_EACH(block, blocks, r, replicas)                 \
    _Pragma("omp parallel for collapse(2) schedule(static)") \
    for (int block = 0; block < (blocks); ++block)           \
        for (int r = 0; r < (replicas); r += lanes<real>)
// clang-format on
#define FOR_FEW(block, blocks, r, replicas)        \
    for (int block = 0; block < (blocks); ++block) \
        for (int r = 0; r < (replicas); r += lanes<real>)
#define FOR_EACH_REPLICA(r, replicas) for (int r = 0; r < (replicas); ++r)

#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#elif defined(__AVX2__)
constexpr int register_bytes = 32;
#else
constexpr int register_bytes = 16;
#endif

constexpr int width = 16;  // replicas of a block: a cache line of float
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
using std::cos;
using std::sin;
using std::sqrt;

template <typename L>
DEVICE L root(L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k) v[k] = std::sqrt(v[k]);
    return v;
}
DEVICE float root(float v) { return std::sqrt(v); }
DEVICE double root(double v) { return std::sqrt(v); }
template <typename L>
DEVICE void add_to(double* sum, L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k) sum[k] += v[k];
}
template <typename L>
DEVICE void raise_to(double* largest, L v) {
    for (unsigned k = 0; k < sizeof(v) / sizeof(v[0]); ++k)
        largest[k] = v[k] > largest[k] || v[k] != v[k] ? v[k] : largest[k];
}

#endif

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
template <typename M, typename L>
DEVICE L where(M yes, L a, L b) {
    return yes ? a : b;
}
template <typename L>
DEVICE L larger(L a, L b) {  // NaN where one of them is
    return where((b > a) | (b != b), b, a);
}
