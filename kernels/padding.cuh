// Spins to and from a larger lattice, on which a periodic convolution does not join the open edges of the box.
#pragma once
#include "vector.cuh"

// An atom of the cell x, y, z.
struct Place {
    int x, y, z, atom;
};

// Where a site is in a lattice of nx x ny x ... cells, and the reverse.
DEVICE Place place_of(int site, int atoms, int nx, int ny) {
    const int cell = site / atoms;
    return {cell % nx, cell / nx % ny, cell / (nx * ny), site % atoms};
}
// The place of the next site.
DEVICE Place next(Place p, int atoms, int nx, int ny) {
    if (++p.atom < atoms) return p;
    p.atom = 0;
    if (++p.x < nx) return p;
    p.x = 0;
    if (++p.y < ny) return p;
    return {0, 0, p.z + 1, 0};
}
DEVICE int site_at(Place p, int atoms, int nx, int ny) { return p.atom + atoms * (p.x + nx * (p.y + ny * p.z)); }

// padded <- weight s in the corner nx x ny x nz of a lattice mx x my x ..., 0 beyond; `sites` are those of `padded`
template <typename real>
KERNEL pad_spins(const real* __restrict__ spins, const real* __restrict__ weight, real* __restrict__ padded, int atoms,
                 int nx, int ny, int nz, int mx, int my, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        FOR_SITES (i, c, chunk, sites) {
            const Place p = place_of(i, atoms, mx, my);
            vec<lane<real>> s = {};
            if (p.x < nx && p.y < ny && p.z < nz) {
                const int j = site_at(p, atoms, nx, ny);
                s = weight[j] * load3(spins + place(j, r, atoms * nx * ny * nz));
            }
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
            const int j = site_at(place_of(i, atoms, nx, ny), atoms, mx, my);
            store3<real>(field + place(i, r, sites), weight[i] * load3(padded + place(j, r, all)));
        }
    }
}
