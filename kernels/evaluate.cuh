// Field, energy and what a minimiser wants to know, of every replica in one pass over the sites.
#pragma once
#include "onsite.cuh"

// What is summed over sites. Python reads these names from here.
enum Sum { ENERGY, FORCE2, OVERLAP, OTHER2, MX, MY, MZ, LARGEST2, SUMS };

// Running sums of a chunk of sites.
template <typename real>
struct Sums {
    lane<real> v[SUMS] = {};

    DEVICE void add(lane<real> energy, vec<lane<real>> s, vec<lane<real>> g, vec<lane<real>> other) {
        const lane<real> gg = dot(g, g);
        v[ENERGY] = v[ENERGY] + energy;
        v[FORCE2] = v[FORCE2] + gg;
        v[OVERLAP] = v[OVERLAP] + dot(g, other);
        v[OTHER2] = v[OTHER2] + dot(other, other);
        v[MX] = v[MX] + s.x, v[MY] = v[MY] + s.y, v[MZ] = v[MZ] + s.z;
        v[LARGEST2] = larger(v[LARGEST2], gg);
    }
    DEVICE void flush(double* sum, int replicas) { flush_sums<real>(v, sum, LARGEST2, replicas); }
    DEVICE void close(double* sum, int replicas) { close_sums<real>(v, sum, LARGEST2, replicas); }
};

// the bilinear field sum_j J_ij s_j of a site, from the neighbour list; spin(j) are those of one replica (or register),
// `at_once` of which are on their way before the first is used. On a CPU, a coupling below zero is a diagonal matrix,
// the one in row ~coupling.
template <typename real, int at_once = bonds_at_once, typename Spin>
DEVICE vec<lane<real>> bilinear(const Spin& spin, const int* neighbour, const int* coupling, const real* matrices,
                                int first, int last) {
    // J times each component on its own: three chains of sums that do not wait for one another; one, and fewer
    // registers, where other warps fill the time
    constexpr int chains = lanes<real> > 1 ? 3 : 1;
    vec<lane<real>> sum[3] = {};
    const auto add = [&](const Matrix<real>& J, vec<lane<real>> s) {
        auto &x = sum[0], &y = sum[1 % chains], &z = sum[2 % chains];
        x = x + vec<lane<real>>{J[0] * s.x, J[3] * s.x, J[6] * s.x};
        y = y + vec<lane<real>>{J[1] * s.y, J[4] * s.y, J[7] * s.y};
        z = z + vec<lane<real>>{J[2] * s.z, J[5] * s.z, J[8] * s.z};
    };
    int k = first;
    if constexpr (lanes<real> == 1)
        for (; k + at_once <= last; k += at_once) {
            vec<lane<real>> s[at_once];
            for (int n = 0; n < at_once; ++n) s[n] = spin(neighbour[k + n]);
            for (int n = 0; n < at_once; ++n) add(Matrix<real>(matrices + matrix_stride * coupling[k + n]), s[n]);
        }
    for (; k < last; ++k) {
        const int row = coupling[k];
        const auto s = spin(neighbour[k]);
        if (lanes<real> > 1 && row < 0) {
            const Matrix<real> J(matrices + matrix_stride * ~row);
            sum[0] = sum[0] + vec<lane<real>>{J[0] * s.x, J[4] * s.y, J[8] * s.z};
        } else {
            add(Matrix<real>(matrices + matrix_stride * row), s);
        }
    }
    return sum[0] + sum[1] + sum[2];
}

// spins as they stand in memory
template <typename real>
struct Spins {
    const real* mine;  // spin 0 of a replica (or register)
    DEVICE vec<lane<real>> operator()(int j) const { return load3(mine + j * (long long)(3 * width)); }
};

// what the bilinear field of a site is made of: a convolution put it at `stands`, the list gives it, or both add up
enum Bilinear { CONVOLUTION, LIST, BOTH };

// The couplings of two spins, of every site.
template <typename real>
struct Bonds {
    int source;  // as `Bilinear`
    const real* stands;
    const int *start, *neighbour, *coupling;
    const real* matrices;

    // of site i, whose field stands `at`
    template <typename Spin>
    DEVICE vec<lane<real>> field(int i, long long at, const Spin& spin) const {
        if (source == CONVOLUTION) return load3(stands + at);
        const auto b = bilinear(spin, neighbour, coupling, matrices, start[i], start[i + 1]);
        return source == BOTH ? b + load3(stands + at) : b;
    }
};

// Stands for `Products` (products.cuh) in the kernels for models that have none.
struct NoProducts {
    template <typename Spin, typename L>
    DEVICE void add(int, const Spin&, vec<L>, vec<L>&, L&) const {}
    template <typename Spin, typename L>
    DEVICE void add_change(int, const Spin&, const Spin&, vec<L>&) const {}
};

template <typename real, typename Clusters>
DEVICE void field_of_chunk(const real* spins, const Bonds<real>& bonds, const Clusters& products,
                           const Onsite<real>& terms, const real* zeeman, real* out, int c, int r, int sites,
                           int chunk) {
    const auto B = load3(zeeman + place(0, r, 1));
    const Spins<real> mine{spins + place(0, r, sites)};
    FOR_SITES (i, c, chunk, sites) {
        const long long at = place(i, r, sites);
        const auto s = load3(spins + at);
        auto b = bonds.field(i, at, mine);
        lane<real> energy{};
        products.add(i, mine, s, b, energy);
        onsite(terms, terms.row(i), B, s, b);
        store3<real>(out + at, b);
    }
}

// b_i = - dE/ds_i
template <typename real>
KERNEL field(const real* __restrict__ spins, int source, const real* __restrict__ bilinear_field,
             const int* __restrict__ start, const int* __restrict__ neighbour, const int* __restrict__ coupling,
             const real* __restrict__ matrices, const int* __restrict__ kind, const real* __restrict__ onsite_table,
             const real* __restrict__ zeeman, real* __restrict__ out, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Onsite<real> terms{kind, onsite_table};
        field_of_chunk(spins, bonds, NoProducts{}, terms, zeeman, out, c, r, sites, chunk);
    }
}

// The force on spin s of site i, where its couplings make the field b and have the energy `energy`; its part in the
// sums is added to `running`.
template <typename real>
DEVICE vec<lane<real>> force_on(const Onsite<real>& terms, int i, vec<lane<real>> B, vec<lane<real>> s,
                                vec<lane<real>> b, lane<real> energy, vec<lane<real>> other, Sums<real>& running) {
    energy = energy + onsite(terms, terms.row(i), B, s, b);
    const auto g = tangent(b, s);
    running.add(energy, s, g, other);
    return g;
}

// The same where b is the bilinear field.
template <typename real>
DEVICE vec<lane<real>> force_on(const Onsite<real>& terms, int i, vec<lane<real>> B, vec<lane<real>> s,
                                vec<lane<real>> b, vec<lane<real>> other, Sums<real>& running) {
    return force_on(terms, i, B, s, b, real(-0.5) * dot(s, b), other, running);
}

template <typename real, typename Clusters>
DEVICE void evaluate_chunk(const real* spins, const Bonds<real>& bonds, const Clusters& products,
                           const Onsite<real>& terms, const real* zeeman, const real* other, real* force, double* sums,
                           int c, int r, int sites, int chunk, int replicas) {
    const auto B = load3(zeeman + place(0, r, 1));
    const Spins<real> mine{spins + place(0, r, sites)};
    double* sum = sums + (long long)c * SUMS * replicas + r;
    open_sums<real, SUMS>(sum, replicas);
    Sums<real> running;
    FOR_SITES (i, c, chunk, sites) {
        const long long at = place(i, r, sites);
        const auto s = load3(spins + at);
        auto b = bonds.field(i, at, mine);
        lane<real> energy = real(-0.5) * dot(s, b);
        products.add(i, mine, s, b, energy);
        store3<real>(force + at, force_on(terms, i, B, s, b, energy, load3(other + at), running));
        if (i % 32 == 31) running.flush(sum, replicas);
    }
    running.close(sum, replicas);
}

// The force (the part of b perpendicular to s) of every site, and the sums. The bilinear field comes from the neighbour
// list or stands in `bilinear_field` already (a convolution put it there): `source` says which, as `Bilinear`. `other`
// is what the force is compared with: the velocity, or the previous force, in which case it may be `force` itself.
template <typename real>
KERNEL evaluate(const real* __restrict__ spins, int source, const real* bilinear_field, const int* __restrict__ start,
                const int* __restrict__ neighbour, const int* __restrict__ coupling, const real* __restrict__ matrices,
                const int* __restrict__ kind, const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                const real* other, real* force, double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Onsite<real> terms{kind, onsite_table};
        evaluate_chunk(spins, bonds, NoProducts{}, terms, zeeman, other, force, sums, c, r, sites, chunk, replicas);
    }
}

// Sums to which several launches add begin at zero.
template <typename real>
KERNEL zero_sums(double* __restrict__ sums, int rows, int replicas) {
    FOR_FEW (q, rows, r, replicas)
        for (int k = r; k < r + lanes<real>; ++k) sums[(long long)q * replicas + k] = 0;
}

// Adds up the sums [chunk, quantity, replica] of all chunks, in a fixed order; of row `largest` it takes the maximum.
template <typename real>
KERNEL reduce_sums(const double* __restrict__ sums, double* __restrict__ total, int chunks, int quantities, int largest,
                   int replicas) {
    FOR_FEW (q, quantities, r, replicas)
        for (int k = r; k < r + lanes<real>; ++k) {
            double all = 0;
            for (int c = 0; c < chunks; ++c) {
                const double v = sums[((long long)c * quantities + q) * replicas + k];
                all = q == largest ? larger(all, v) : all + v;
            }
            total[(long long)q * replicas + k] = all;
        }
}
