// Field, energy and what a minimiser wants to know, of every replica in one pass over the sites.
#pragma once
#include "onsite.cuh"

// What is summed over sites. Python reads these names from here.
enum Sum { ENERGY, FORCE2, OVERLAP, OTHER2, MX, MY, MZ, LARGEST2, SUMS };

// Running sums of a chunk of sites: a few sites in `real`, then flushed into double precision, in a fixed order.
template <typename real>
struct Sums {
    lane<real> energy{}, force2{}, overlap{}, other2{}, largest2{};
    vec<lane<real>> m{};

    DEVICE void add(lane<real> e, vec<lane<real>> s, vec<lane<real>> g, vec<lane<real>> other) {
        const lane<real> gg = dot(g, g);
        energy = energy + e;
        force2 = force2 + gg;
        overlap = overlap + dot(g, other);
        other2 = other2 + dot(other, other);
        m = m + s;
        largest2 = larger(largest2, gg);
    }
    DEVICE void flush(double* p, int stride) {
        add_to(p + ENERGY * stride, energy), add_to(p + FORCE2 * stride, force2), add_to(p + OVERLAP * stride, overlap);
        add_to(p + OTHER2 * stride, other2), add_to(p + MX * stride, m.x), add_to(p + MY * stride, m.y);
        add_to(p + MZ * stride, m.z), raise_to(p + LARGEST2 * stride, largest2);
        *this = {};
    }
};

// the bilinear field sum_j J_ij s_j of a site, from the neighbour list; spins of one replica (or register of them)
template <typename real>
DEVICE vec<lane<real>> bilinear(const real* spins, const int* neighbour, const int* coupling, const real* matrices,
                                int first, int last) {
    vec<lane<real>> x{}, y{},
        z{};  // J times each component on its own: three chains of sums that do not wait for one another
    for (int k = first; k < last; ++k) {
        const real* J = matrices + 9 * coupling[k];
        const auto s = load3(spins + neighbour[k] * (long long)(3 * width));
        x = x + vec<lane<real>>{J[0] * s.x, J[3] * s.x, J[6] * s.x};
        y = y + vec<lane<real>>{J[1] * s.y, J[4] * s.y, J[7] * s.y};
        z = z + vec<lane<real>>{J[2] * s.z, J[5] * s.z, J[8] * s.z};
    }
    return x + y + z;
}

// b_i = - dE/ds_i
template <typename real>
KERNEL field(const real* __restrict__ spins, int direct, const real* __restrict__ bilinear_field,
             const int* __restrict__ start, const int* __restrict__ neighbour, const int* __restrict__ coupling,
             const real* __restrict__ matrices, const int* __restrict__ kind, const real* __restrict__ onsite_table,
             const real* __restrict__ zeeman, real* __restrict__ out, int sites, int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const auto B = load3(zeeman + place(0, r, 1));
        const real* mine = spins + place(0, r, sites);
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            auto b = direct ? bilinear(mine, neighbour, coupling, matrices, start[i], start[i + 1])
                            : load3(bilinear_field + at);
            onsite(terms, terms.row(i), B, load3(spins + at), b);
            store3<real>(out + at, b);
        }
    }
}

// The force (the part of b perpendicular to s) of every site, and the sums. The bilinear field comes from the neighbour
// list (`direct`) or stands in `bilinear_field` already (a convolution put it there). `other` is what the force is
// compared with: the velocity, or the previous force, in which case it may be `force` itself.
template <typename real>
KERNEL evaluate(const real* __restrict__ spins, int direct, const real* bilinear_field, const int* __restrict__ start,
                const int* __restrict__ neighbour, const int* __restrict__ coupling, const real* __restrict__ matrices,
                const int* __restrict__ kind, const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                const real* other, real* force, double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const auto B = load3(zeeman + place(0, r, 1));
        const real* mine = spins + place(0, r, sites);
        double* sum = sums + (long long)c * SUMS * replicas + r;
        for (int q = 0; q < SUMS; ++q)
            for (int k = 0; k < lanes<real>; ++k) sum[q * replicas + k] = 0;
        Sums<real> running;
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            auto b = direct ? bilinear(mine, neighbour, coupling, matrices, start[i], start[i + 1])
                            : load3(bilinear_field + at);
            const lane<real> pair_energy = real(-0.5) * dot(s, b);
            const lane<real> energy = pair_energy + onsite(terms, terms.row(i), B, s, b);
            const auto g = tangent(b, s);
            running.add(energy, s, g, load3(other + at));
            store3<real>(force + at, g);
            if (i % 32 == 31) running.flush(sum, replicas);
        }
        running.flush(sum, replicas);
    }
}

// Sums to which several launches add begin at zero.
template <typename real>
KERNEL zero_sums(double* __restrict__ sums, int rows, int replicas) {
    FOR_FEW (q, rows, r, replicas)
        for (int k = r; k < r + lanes<real>; ++k) sums[(long long)q * replicas + k] = 0;
}

// Reduces the sums of many chunks to those of a few groups, in a fixed order; row `largest` is reduced to its maximum.
template <typename real>
KERNEL reduce_sums(const double* __restrict__ sums, double* __restrict__ reduced, int chunks, int groups,
                   int quantities, int largest, int replicas) {
    FOR_FEW (g, groups * quantities, r, replicas) {
        const int group = g / quantities, q = g % quantities, each = (chunks + groups - 1) / groups;
        for (int k = r; k < r + lanes<real>; ++k) {
            double total = 0;
            for (int c = group * each; c < chunks && c < (group + 1) * each; ++c) {
                const double v = sums[((long long)c * quantities + q) * replicas + k];
                total = q == largest ? larger(total, v) : total + v;
            }
            reduced[((long long)group * quantities + q) * replicas + k] = total;
        }
    }
}
