// The bilinear field of a whole population as a convolution on the CPU: transform, multiply by J(q), transform back.
//
// Vectorised over replicas, so every butterfly is a handful of register operations without a shuffle; two
// blocks of replicas are the real and the imaginary part of one complex field, so that no transform of real data is
// needed. Rows are transformed on their way from the spins into the scratch; the last axis is transformed, multiplied
// and transformed back in one pass; rows again on their way into the field. (Measured in benchmarks/RESULTS.md; a GPU
// has fourier.cuh.)
#pragma once
#include <omp.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "butterflies.cuh"

namespace convolution {

// The waves of a line, `step` registers apart ...
template <typename V>
struct Line {
    wave<V>* at;
    long long step;
    DEVICE wave<V> get(int k) const { return at[k * step]; }
    DEVICE void put(int k, wave<V> v) const { at[k * step] = v; }
};
// ... or `step` numbers apart, with real and imaginary parts in two blocks of replicas.
template <typename V, typename real>
struct Blocks {
    real *re, *im;
    long long step;
    DEVICE wave<V> get(int k) const { return {*(const V*)(re + k * step), *(const V*)(im + k * step)}; }
    DEVICE void put(int k, wave<V> v) const { *(V*)(re + k * step) = v.re, *(V*)(im + k * step) = v.im; }
};

// One pass of Stockham's self-sorting transform: sub-transforms of length p at stride s.
template <int p, typename V, typename real, int sign, typename In, typename Out>
DEVICE void stage(int length, int s, Roots<real, sign> w, In in, Out out) {
    const int m = length / p;
    for (int j = 0; j < m; ++j)
        for (int q = 0; q < s; ++q) {
            wave<V> a[p];
            for (int k = 0; k < p; ++k) a[k] = in.get(q + s * (j + m * k));
            butterfly<sign, real>(a);
            out.put(q + s * p * j, a[0]);
            for (int t = 1; t < p; ++t) out.put(q + s * (p * j + t), w.times(j * t * s, a[t]));
        }
}
// The same for any other prime p. Terms k and p - k have conjugate factors: their sum has the cosine, their difference
// the sine, and both serve for t and p - t, a quarter of the products. `pairs` holds p - 1 waves; out may be in where p
// is the whole length.
template <typename V, typename real, int sign, typename In, typename Out>
DEVICE void any_stage(int p, int length, int s, Roots<real, sign> w, wave<V>* pairs, In in, Out out) {
    const int m = length / p, half = (p - 1) / 2, turn = w.n / p;
    for (int j = 0; j < m; ++j)
        for (int q = 0; q < s; ++q) {
            const wave<V> first = in.get(q + s * j);
            wave<V> total = first;
            for (int k = 1; k <= half; ++k) {
                const wave<V> a = in.get(q + s * (j + m * k)), b = in.get(q + s * (j + m * (p - k)));
                pairs[2 * k - 2] = a + b, pairs[2 * k - 1] = a - b;
                total = total + pairs[2 * k - 2];
            }
            out.put(q + s * p * j, total);
            for (int t = 1; t <= half; ++t) {
                wave<V> even = first, odd{};
                for (int k = 1, tk = t; k <= half; ++k, tk += tk < p - t ? t : t - p) {
                    even = even + scaled(w.cosine(tk * turn), pairs[2 * k - 2]);
                    odd = odd + scaled(w.sine(tk * turn), pairs[2 * k - 1]);
                }
                const wave<V> side = turned<1>(odd);
                out.put(q + s * (p * j + t), w.times(j * t * s, even + side));
                out.put(q + s * (p * j + p - t), w.times(j * (p - t) * s, even - side));
            }
        }
}
// the pass for p, compiled once for all transforms
template <typename V, typename real, int sign, typename In, typename Out>
__attribute__((noinline)) void pass(int p, int length, int s, Roots<real, sign> w, wave<V>* pairs, In in, Out out) {
    if (p == 4)
        stage<4, V>(length, s, w, in, out);
    else if (p == 5)
        stage<5, V>(length, s, w, in, out);
    else if (p == 3)
        stage<3, V>(length, s, w, in, out);
    else if (p == 2)
        stage<2, V>(length, s, w, in, out);
    else
        any_stage<V>(p, length, s, w, pairs, in, out);
}

inline std::vector<int> factors(int n) {
    std::vector<int> found;
    for (int p : {4, 5, 3, 2})
        while (n % p == 0) found.push_back(p), n /= p;
    for (int p = 7; n > 1; p += 2)
        while (n % p == 0) found.push_back(p), n /= p;
    return found;
}

// out_k = sum_x in_x exp(sign 2 pi i k x / n); `room` holds 3 n waves
template <typename V, typename real, int sign, typename In, typename Out>
DEVICE void transform(const std::vector<int>& primes, Roots<real, sign> w, wave<V>* room, In in, Out out) {
    const int count = (int)primes.size(), n = w.n;
    if (count == 0) return out.put(0, in.get(0));
    wave<V>* const pairs = room + 2 * n;
    int length = n, s = 1;
    for (int f = 0; f < count; ++f) {
        const int p = primes[f];
        const Line<V> from{room + (f % 2 ? 0 : n), 1}, to{room + (f % 2 ? n : 0), 1};
        if (f == 0 && count == 1)
            pass<V>(p, length, s, w, pairs, in, out);
        else if (f == 0)
            pass<V>(p, length, s, w, pairs, in, to);
        else if (f == count - 1)
            pass<V>(p, length, s, w, pairs, from, out);
        else
            pass<V>(p, length, s, w, pairs, from, to);
        length /= p, s *= p;
    }
}

template <typename real>
struct Axis {
    int n;
    const real* roots;  // [n] complex
    std::vector<int> primes;
};

// The field of a register of replicas of two blocks. Site-component k has its real part at re + k * width and its
// imaginary part at im + k * width.
template <typename V, typename real>
void one_pair(const real* re, const real* im, real* re_out, real* im_out, const real* J, wave<V>* scratch,
              const Axis<real>& X, const Axis<real>& Y, const Axis<real>& Z, int size) {
    const int n1 = X.n, n2 = Y.n, n3 = Z.n, most = n1 > n2 ? (n1 > n3 ? n1 : n3) : (n2 > n3 ? n2 : n3);
    const Axis<real>& last = n3 > 1 ? Z : Y;  // the axis that is transformed, multiplied and transformed back at once
    const long long step = (long long)n1 * size * (n3 > 1 ? n2 : 1);
#pragma omp parallel
    {
        std::vector<wave<V>> room(3 * most), column((size_t)size * last.n), product(size);
        const Roots<real, -1> x{X.roots, n1}, y{Y.roots, n2}, l{last.roots, last.n};
        const Roots<real, 1> x_back{X.roots, n1}, y_back{Y.roots, n2}, l_back{last.roots, last.n};
#pragma omp for schedule(static)
        for (int row = 0; row < n2 * n3; ++row)
            for (int c = 0; c < size; ++c) {
                const long long k0 = (long long)row * n1 * size + c, at = k0 * width;
                const Blocks<V, const real> spins{re + at, im + at, size * width};
                transform<V>(X.primes, x, room.data(), spins, Line<V>{scratch + k0, size});
            }
        const auto along_y = [&](auto w) {
#pragma omp for collapse(2) schedule(static)
            for (int z = 0; z < n3; ++z)
                for (int xc = 0; xc < n1 * size; ++xc) {
                    const Line<V> line{scratch + (long long)z * n2 * n1 * size + xc, n1 * size};
                    transform<V>(Y.primes, w, room.data(), line, line);
                }
        };
        if (n3 > 1) along_y(y);
#pragma omp for schedule(static)
        for (int line = 0; line < (int)(step / size); ++line) {
            wave<V>* here = scratch + (long long)line * size;
            for (int c = 0; c < size; ++c)
                transform<V>(last.primes, l, room.data(), Line<V>{here + c, step}, Line<V>{column.data() + c, size});
            for (int k = 0; k < last.n; ++k) {
                const real* j = J + 2 * (k * (step / size) + line) * size * size;
                wave<V>* v = column.data() + (long long)k * size;
                for (int a = 0; a < size; ++a) {
                    wave<V> sum{};
                    for (int b = 0; b < size; ++b, j += 2)
                        sum = sum + wave<V>{j[0] * v[b].re - j[1] * v[b].im, j[0] * v[b].im + j[1] * v[b].re};
                    product[a] = sum;
                }
                for (int a = 0; a < size; ++a) v[a] = product[a];
            }
            for (int c = 0; c < size; ++c)
                transform<V>(last.primes, l_back, room.data(), Line<V>{column.data() + c, size},
                             Line<V>{here + c, step});
        }
        if (n3 > 1) along_y(y_back);
#pragma omp for schedule(static)
        for (int row = 0; row < n2 * n3; ++row)
            for (int c = 0; c < size; ++c) {
                const long long k0 = (long long)row * n1 * size + c, at = k0 * width;
                const Blocks<V, real> field{re_out + at, im_out + at, size * width};
                transform<V>(X.primes, x_back, room.data(), Line<V>{scratch + k0, size}, field);
            }
    }
}

template <typename real, int bytes>
struct registers {
    typedef real type __attribute__((vector_size(bytes), aligned(sizeof(real)), may_alias));
};

// Memory of this thread, aligned for any register; kept from call to call, since fresh pages cost as much as a pass.
inline void* scratch(std::size_t bytes) {
    struct Free {
        void operator()(void* p) const { std::free(p); }
    };
    static thread_local std::unique_ptr<void, Free> memory;
    static thread_local std::size_t size = 0;
    if (size < bytes) {
        size = (bytes + 63) / 64 * 64;
        memory.reset();
        memory.reset(std::aligned_alloc(64, size));
        if (!memory) throw std::bad_alloc();
    }
    return memory.get();
}

}  // namespace convolution

// field = J * spins. spins, field [block, site, 3, width]; J [cell, size, size] complex with 1 / cells in it, size = 3
// atoms; roots: exp(-2 pi i k / n) of the three axes.
template <typename real>
KERNEL convolve(const real* spins, const real* J, const real* roots1, const real* roots2, const real* roots3,
                real* field, int n1, int n2, int n3, int size, int replicas) {
    using namespace convolution;
    constexpr int full = register_bytes,
                  half = width / 2 * (int)sizeof(real) < full ? width / 2 * (int)sizeof(real) : full;
    using V = typename registers<real, full>::type;
    using W = typename registers<real, half>::type;
    const Axis<real> X{n1, roots1, factors(n1)}, Y{n2, roots2, factors(n2)}, Z{n3, roots3, factors(n3)};
    const long long block = (long long)n1 * n2 * n3 * size * width;
    const int blocks = replicas / width, registers_in = width / (full / (int)sizeof(real)),
              pairs = blocks / 2 * registers_in;
    // Whole pairs for each thread where they come out even: threads meet once. Else all threads share the rows of a
    // pair.
#pragma omp parallel for schedule(static) if (pairs % omp_get_max_threads() == 0)
    for (int p = 0; p < pairs; ++p) {
        const long long here = p / registers_in * 2 * block + p % registers_in * (full / (int)sizeof(real));
        one_pair<V>(spins + here, spins + here + block, field + here, field + here + block, J,
                    (wave<V>*)scratch(2 * block / width * full), X, Y, Z, size);
    }
    if (blocks % 2) {
        const real* s = spins + (blocks - 1) * block;
        real* f = field + (blocks - 1) * block;
        for (int v = 0; v < width / 2; v += half / (int)sizeof(real))
            one_pair<W>(s + v, s + width / 2 + v, f + v, f + width / 2 + v, J,
                        (wave<W>*)scratch(2 * block / width * half), X, Y, Z, size);
    }
}
