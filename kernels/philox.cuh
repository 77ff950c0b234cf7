// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, SC'11). A counter and a key determine
// the numbers, on any device and in any order.
#pragma once
#include "vector.cuh"

template <typename W>
struct Four {
    W v[4];
};

// W is one 32-bit word, or one for each lane
template <typename W>
DEVICE Four<W> philox(Four<W> counter, uint32 key0, uint32 key1) {
    for (int round = 0; round < 10; ++round) {
        W high0, low0, high2, low2;
        multiply_words(0xD2511F53u, counter.v[0], high0, low0);
        multiply_words(0xCD9E8D57u, counter.v[2], high2, low2);
        counter = {{high2 ^ counter.v[1] ^ key0, low2, high0 ^ counter.v[3] ^ key1, low0}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

DEVICE double uniform(uint32 bits) { return (bits + 0.5) * (1.0 / 4294967296.0); }
// the same for every lane, in (0, 1]
template <typename real>
DEVICE lane<real> uniform(word<real> bits) {
    return (number_of<real>(bits) + real(0.5)) * real(1.0 / 4294967296.0);
}

// Spins uniform on the sphere (Archimedes: z uniform) for the replicas first, first + 1, ... of a stream.
template <typename real>
KERNEL random_spins(real* __restrict__ spins, uint32 key0, uint32 key1, uint32 stream, uint32 island, int first,
                    int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        FOR_SITES (i, c, chunk, sites)
            for (int k = r; k < r + lanes<real>; ++k) {
                const Four<uint32> counter{{(uint32)i, (uint32)first + (uint32)k, stream, island}};
                const Four<uint32> random = philox(counter, key0, key1);
                const double z = 2 * uniform(random.v[0]) - 1, angle = 6.283185307179586 * uniform(random.v[1]);
                const double rho = sqrt(1 - z * z);
                real* s = spins + place(i, k, sites);
                s[0] = (real)(rho * cos(angle)), s[width] = (real)(rho * sin(angle)), s[2 * width] = (real)z;
            }
    }
}
