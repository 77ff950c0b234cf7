// Spins to and from a larger lattice, on which a periodic convolution does not join the open edges of the box.
#pragma once
#include "vector.cuh"

// padded <- weight s in the corner nx x ny x nz of a lattice mx x my x ..., 0 beyond; `sites` are those of `padded`
template <typename real>
KERNEL pad_spins(const real* __restrict__ spins, const real* __restrict__ weight, real* __restrict__ padded, int atoms,
                 int nx, int ny, int nz, int mx, int my, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        FOR_SITES (i, c, chunk, sites) {
            const int cell = i / atoms, x = cell % mx, y = cell / mx % my, z = cell / (mx * my);
            const int j = i % atoms + atoms * (x + nx * (y + ny * z));
            vec<lane<real>> s = {};
            if (x < nx && y < ny && z < nz) s = weight[j] * load3(spins + place(j, r, atoms * nx * ny * nz));
            store3<real>(padded + place(i, r, sites), s);
        }
    }
}

// field <- weight times what stands in the corner of `padded`, which has `all` sites
template <typename real>
KERNEL crop_field(const real* __restrict__ padded, const real* __restrict__ weight, real* __restrict__ field, int atoms,
                  int nx, int ny, int mx, int my, int all, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        FOR_SITES (i, c, chunk, sites) {
            const int cell = i / atoms, x = cell % nx, y = cell / nx % ny, z = cell / (nx * ny);
            const int j = i % atoms + atoms * (x + mx * (y + my * z));
            store3<real>(field + place(i, r, sites), weight[i] * load3(padded + place(j, r, all)));
        }
    }
}
