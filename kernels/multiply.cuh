// A convolution in Fourier space: two replicas are the real and imaginary part of one complex field, so that a real
// kernel needs no symmetry of the modes. Stands between two library transforms (cuFFT); convolution.hpp is the CPU's
// way.
#pragma once
#include "vector.cuh"

// out(q) = J(q) in(q); J [mode, size, size] complex, in and out [block, mode, size, width / 2] complex; size = 3 atoms
template <typename real>
KERNEL multiply_modes(const real* __restrict__ in, const real* __restrict__ J, real* __restrict__ out, int modes,
                      int size, int chunk, int pairs) {
    constexpr int half = width / 2;
    FOR_EACH (c, (modes + chunk - 1) / chunk, r, pairs) {
        for (int k = r; k < r + lanes<real> && k < pairs; ++k) {
            const long long mine = (long long)(k / half) * modes * size * width + 2 * (k % half);
            for (int q = c * chunk; q < modes && q < (c + 1) * chunk; ++q)
                for (int a = 0; a < size; ++a) {
                    real re = 0, im = 0;
                    for (int b = 0; b < size; ++b) {
                        const real* j = J + 2 * (((long long)q * size + a) * size + b);
                        const real* v = in + mine + ((long long)q * size + b) * width;
                        re += j[0] * v[0] - j[1] * v[1];
                        im += j[0] * v[1] + j[1] * v[0];
                    }
                    real* u = out + mine + ((long long)q * size + a) * width;
                    u[0] = re, u[1] = im;
                }
        }
    }
}
