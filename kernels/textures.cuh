// Textures [replica, site, 3], as operators and files hold them, to and from the columns of a population.
#pragma once
#include "vector.cuh"

// column r <- texture from[r]
template <typename real>
KERNEL pack_textures(const real* __restrict__ textures, const int* __restrict__ from, real* __restrict__ spins,
                     int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        for (int k = r; k < r + lanes<real> && k < replicas; ++k) {
            const real* mine = textures + (long long)from[k] * sites * 3;
            FOR_SITES (i, c, chunk, sites)
                for (int x = 0; x < 3; ++x) spins[place(i, k, sites) + x * width] = mine[3 * i + x];
        }
    }
}

// texture to[r] <- column r; nothing where to[r] is negative
template <typename real>
KERNEL unpack_spins(const real* __restrict__ spins, const int* __restrict__ to, real* __restrict__ textures, int sites,
                    int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        for (int k = r; k < r + lanes<real> && k < replicas; ++k) {
            real* mine = textures + (long long)to[k] * sites * 3;
            if (to[k] < 0) continue;
            FOR_SITES (i, c, chunk, sites)
                for (int x = 0; x < 3; ++x) mine[3 * i + x] = spins[place(i, k, sites) + x * width];
        }
    }
}

// column r of every vector <- column from[r] of a population of `before` replicas; in, out [vector, block, site, 3,
// width]
template <typename real>
KERNEL gather_columns(const real* __restrict__ in, const int* __restrict__ from, real* __restrict__ out, int vectors,
                      int before, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        for (int v = 0; v < vectors; ++v) {
            const real* source = in + (long long)v * sites * 3 * before;
            real* mine = out + (long long)v * sites * 3 * replicas;
            for (int k = r; k < r + lanes<real> && k < replicas; ++k)
                FOR_SITES (i, c, chunk, sites)
                    for (int x = 0; x < 3; ++x)
                        mine[place(i, k, sites) + x * width] = source[place(i, from[k], sites) + x * width];
        }
    }
}
