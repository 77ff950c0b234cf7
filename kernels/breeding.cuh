// Offspring as textures [replica, site, 3]: neighbouring threads, or lanes, are sites. The grid counts stretches of
// `width` sites along x, since y ends at 65535 blocks.
#pragma once
#include "noise.cuh"
#include "padding.cuh"

// Each spin from the chosen one of `count` parents [replica, parent, site, 3], after a symmetry of each: a translation
// by `shift` cells [replica, parent, 3] after one of the operations, with its source of every site, came_from
// [operation, site], and its matrix [operation, 3, 3].
template <typename real>
KERNEL splice_textures(const real* __restrict__ parents, const int* __restrict__ chosen, const int* __restrict__ shift,
                       const int* __restrict__ operation, const int* __restrict__ came_from,
                       const real* __restrict__ matrices, real* __restrict__ children, int n1, int n2, int n3,
                       int atoms, int count, int replicas) {
    const int sites = n1 * n2 * n3 * atoms, stretches = (sites + width - 1) / width;
    FOR_EACH (b, stretches * replicas, n, width) {
        const int k = b / stretches, first = b % stretches * width + n;
        const int end = first + lanes<real> < sites ? first + lanes<real> : sites;
        const int* choice = chosen + (long long)k * sites;
        Place at = place_of(first, atoms, n1, n2);
        for (int i = first; i < end;) {  // runs of one parent
            const int now = choice[i], parent = k * count + now;
            const int x = shift[3 * parent], y = shift[3 * parent + 1], z = shift[3 * parent + 2];
            const int* from = came_from + (long long)operation[parent] * sites;
            const real *spins = parents + (long long)parent * sites * 3, *matrix = matrices + 9 * operation[parent];
            real turn[9];
            for (int a = 0; a < 9; ++a) turn[a] = matrix[a];
            for (; i < end && choice[i] == now; ++i, at = next(at, atoms, n1, n2)) {
                Place before = {at.x - x, at.y - y, at.z - z, at.atom};
                before.x += before.x < 0 ? n1 : 0, before.y += before.y < 0 ? n2 : 0, before.z += before.z < 0 ? n3 : 0;
                const real* s = spins + 3 * (long long)from[site_at(before, atoms, n1, n2)];
                real* child = children + ((long long)k * sites + i) * 3;
                for (int a = 0; a < 3; ++a)
                    child[a] = turn[3 * a] * s[0] + turn[3 * a + 1] * s[1] + turn[3 * a + 2] * s[2];
            }
        }
    }
}

// Unit spins in place: random ones where a spin is shorter than `shortest`, none where no site is occupied [site].
// The random numbers are those of draw_normals.
template <typename real>
KERNEL put_on_sphere(real* __restrict__ textures, const int* __restrict__ occupied, const uint32* __restrict__ number,
                     uint32 call, uint32 key0, uint32 key1, real shortest, int sites, int replicas) {
    const int stretches = (sites + width - 1) / width;
    FOR_EACH (b, stretches * replicas, n, width) {
        const int k = b / stretches, i = b % stretches * width + n;
        real* texture = textures + (long long)k * sites * 3;
        vec<lane<real>> s = load_sites(texture, i, sites);
        const lane<real> there = first_lanes<real>(sites - i, [=](int l) { return (real)occupied[i + l]; });
        const lane<real> square = dot(s, s), missing = where(square < shortest * shortest, there, lane<real>{});
        bool any = false;
        for (int l = 0; l < lanes<real>; ++l) any = any || element<real>(missing, l) > 0;
        if (any) {
            const word<real> zero{}, site = zero + (uint32)i + lane_numbers<real>();
            s = where(missing > 0, normal<real>(site, zero + number[k], zero + call, key0, key1), s);
        }
        store_sites(texture, i, sites, where(there > 0, unit(s), vec<lane<real>>{}));
    }
}
