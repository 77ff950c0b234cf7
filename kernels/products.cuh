// Products of the spins of several sites, in addition to bonds and terms of one site:
//     E = sum over clusters  a (ij)(kl) + b (jk)(li) + c (ik)(jl) + t i.(j x k),    (ij) = s_i . s_j
// or (i.A j)(k.B l) with two matrices.
// Models without such clusters run the kernels of evaluate.cuh, hessian.cuh and heatbath.cuh.
#pragma once
#include "heatbath.cuh"
#include "hessian.cuh"

// An entry of a site stands for a cluster as the site sees it: the three other sites, and a row of constants. Python
// reads these names from here. OWN is one over the number of times that the site appears in its cluster; the energy is
// shared by the sites: SHARE.
enum ProductEntry { SECOND, THIRD, FOURTH, ROW, ENTRY_WIDTH };
// what is not zero: a; a, b and c; t; the two matrices
enum ProductKind { ONE_PAIRING, PAIRINGS, CHIRALITY, MATRICES };
enum ProductRow {
    PRODUCT_A,
    PRODUCT_B,
    PRODUCT_C,
    PRODUCT_T,
    SHARE,
    OWN,
    KIND,
    FIRST_TENSOR,
    SECOND_TENSOR = FIRST_TENSOR + 9,
    PRODUCT_WIDTH = SECOND_TENSOR + 9
};

// dE/ds of the site of an entry, its energy being linear in s
template <typename real>
DEVICE vec<lane<real>> slope(const real* p, vec<lane<real>> j, vec<lane<real>> k, vec<lane<real>> l) {
    if (p[KIND] == ONE_PAIRING) return p[PRODUCT_A] * dot(k, l) * j;
    if (p[KIND] == CHIRALITY) return p[PRODUCT_T] * cross(j, k);
    if (p[KIND] == MATRICES) return dot(k, apply<real>(p + SECOND_TENSOR, l)) * apply<real>(p + FIRST_TENSOR, j);
    return p[PRODUCT_A] * dot(k, l) * j + p[PRODUCT_B] * dot(j, k) * l + p[PRODUCT_C] * dot(j, l) * k;
}

// The clusters of every site: entries start[2 i] to start[2 i + 1] are linear in its spin, those to start[2 i + 2] not.
template <typename real>
struct Products {
    const int *start, *entry;
    const real* rows;

    DEVICE const int* sites(int n) const { return entry + ENTRY_WIDTH * n; }
    DEVICE const real* row(int n) const { return rows + PRODUCT_WIDTH * sites(n)[ROW]; }
    DEVICE bool linear(int i) const { return start[2 * i + 1] == start[2 * i + 2]; }

    // Adds the field and the energy of the entries first to last - 1 of a site with spin s to b and `energy`.
    template <typename Spin>
    DEVICE void add_entries(int first, int last, const Spin& spin, vec<lane<real>> s, vec<lane<real>>& b,
                            lane<real>& energy) const {
        lane<real> sum{};
        for (int n = first; n < last; ++n) {
            const int* e = sites(n);
            const auto g = slope(row(n), spin(e[SECOND]), spin(e[THIRD]), spin(e[FOURTH]));
            sum = sum + row(n)[SHARE] * dot(s, g);
            b = b - g;
        }
        energy = energy + sum;
    }

    // Adds those of site i.
    template <typename Spin>
    DEVICE void add(int i, const Spin& spin, vec<lane<real>> s, vec<lane<real>>& b, lane<real>& energy) const {
        add_entries(start[2 * i], start[2 * i + 2], spin, s, b, energy);
    }

    // Adds the field of the clusters that are linear in the spin of site i.
    template <typename Spin>
    DEVICE void add_linear(int i, const Spin& spin, vec<lane<real>>& b) const {
        lane<real> energy{};
        add_entries(start[2 * i], start[2 * i + 1], spin, vec<lane<real>>{}, b, energy);
    }

    // Adds the change of the field of site i, as all spins move along v, to `more`.
    template <typename Spin>
    DEVICE void add_change(int i, const Spin& spin, const Spin& v, vec<lane<real>>& more) const {
        vec<lane<real>> change{};
        for (int n = start[2 * i]; n < start[2 * i + 2]; ++n) {
            const int* e = sites(n);
            const real* p = row(n);
            const auto j = spin(e[SECOND]), k = spin(e[THIRD]), l = spin(e[FOURTH]);
            change = change - slope(p, v(e[SECOND]), k, l) - slope(p, j, v(e[THIRD]), l);
            if (p[KIND] != CHIRALITY) change = change - slope(p, j, k, v(e[FOURTH]));
        }
        more = more + change;
    }

    // Energy of the clusters that are not linear in the spin of site i, with s in its place.
    template <typename Spin>
    DEVICE lane<real> nonlinear(int i, const Spin& spin, vec<lane<real>> s) const {
        lane<real> energy{};
        for (int n = start[2 * i + 1]; n < start[2 * i + 2]; ++n) {
            const int* e = sites(n);
            const auto j = e[SECOND] == i ? s : spin(e[SECOND]), k = e[THIRD] == i ? s : spin(e[THIRD]),
                       l = e[FOURTH] == i ? s : spin(e[FOURTH]);
            energy = energy + row(n)[OWN] * dot(s, slope(row(n), j, k, l));
        }
        return energy;
    }
};

// field() of evaluate.cuh with products
template <typename real>
KERNEL field_with_products(const real* __restrict__ spins, int source, const real* __restrict__ bilinear_field,
                           const int* __restrict__ start, const int* __restrict__ neighbour,
                           const int* __restrict__ coupling, const real* __restrict__ matrices,
                           const int* __restrict__ product_start, const int* __restrict__ product_entry,
                           const real* __restrict__ product_rows, const int* __restrict__ kind,
                           const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                           real* __restrict__ out, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Products<real> products{product_start, product_entry, product_rows};
        const Onsite<real> terms{kind, onsite_table};
        field_of_chunk(spins, bonds, products, terms, zeeman, out, c, r, sites, chunk);
    }
}

// evaluate() of evaluate.cuh with products
template <typename real>
KERNEL evaluate_with_products(const real* __restrict__ spins, int source, const real* bilinear_field,
                              const int* __restrict__ start, const int* __restrict__ neighbour,
                              const int* __restrict__ coupling, const real* __restrict__ matrices,
                              const int* __restrict__ product_start, const int* __restrict__ product_entry,
                              const real* __restrict__ product_rows, const int* __restrict__ kind,
                              const real* __restrict__ onsite_table, const real* __restrict__ zeeman, const real* other,
                              real* force, double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Products<real> products{product_start, product_entry, product_rows};
        const Onsite<real> terms{kind, onsite_table};
        evaluate_chunk(spins, bonds, products, terms, zeeman, other, force, sums, c, r, sites, chunk, replicas);
    }
}

// hessian_product() of hessian.cuh with products
template <typename real>
KERNEL hessian_with_products(const real* __restrict__ spins, const real* __restrict__ held,
                             const real* __restrict__ vectors, int source, const real* __restrict__ bilinear_field,
                             const int* __restrict__ start, const int* __restrict__ neighbour,
                             const int* __restrict__ coupling, const real* __restrict__ matrices,
                             const int* __restrict__ product_start, const int* __restrict__ product_entry,
                             const real* __restrict__ product_rows, const int* __restrict__ kind,
                             const real* __restrict__ onsite_table, real* __restrict__ out, double* __restrict__ sums,
                             int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Products<real> products{product_start, product_entry, product_rows};
        const Onsite<real> terms{kind, onsite_table};
        hessian_chunk(spins, held, vectors, bonds, products, terms, out, sums, c, r, sites, chunk, replicas);
    }
}

// What couples all spins with one another, where nothing does.
struct NoWaves {
    static constexpr bool bent = false;
    template <typename V>
    DEVICE void leave(V) const {}
    template <typename V>
    DEVICE void enter(V) const {}
    template <typename V>
    DEVICE V with_field(V h) const {
        return h;
    }
    template <typename V, typename L>
    DEVICE L rest(V, L energy) const {
        return energy;
    }
};

// The sites that a part of a sweep updates, and what else a spin feels there: those of update_spins().
template <typename real>
struct SweptSites {
    real* mine;  // spin 0 of a replica (or register)
    const int *start, *neighbour, *coupling;
    const real* matrices;
    const int* order;
    vec<lane<real>> zeeman;
    int tethered;
    const real *anchor, *pull;  // of the replica

    // Updates the sites order[begin] to order[end - 1] in turn. Clusters that are linear in the spin of a site add to
    // its field, the others to what Metropolis tests; waves(i) are those that site i feels, a NoWaves or Waves. What is
    // counted goes to the sums of this thread now and then if `alone`; what is left at the end, the caller adds.
    template <bool alone, typename WavesOf>
    DEVICE void update(Sweep<real>& sweep, const Products<real>& products, const WavesOf& waves, int begin, int end,
                       int moves, uint32 key0, uint32 key1, lane<real> (&accepted)[MOVES], double* sum,
                       int replicas) const {
        const Spins<real> every{mine};
        for (int n = begin; n < end; ++n) {
            const int i = order[n];
            real* here = mine + (long long)i * 3 * width;
            const auto s = load3(here);
            const auto others = waves(i);
            others.leave(s);
            auto h = others.with_field(bilinear(every, neighbour, coupling, matrices, start[i], start[i + 1]) +
                                       sweep.terms.row(i)[MOMENT] * zeeman);
            products.add_linear(i, every, h);
            if (tethered) h = h + load(pull) * load3(anchor + (long long)i * 3 * width);
            const bool linear = sweep.terms.linear() && products.linear(i) && !others.bent;
            const auto own = [&](vec<lane<real>> trial) {
                return others.rest(
                    trial, anisotropy(sweep.terms, sweep.terms.row(i), trial) + products.nonlinear(i, every, trial));
            };
            const auto next = sweep.update(i, s, h, moves, key0, key1, linear, own, accepted);
            others.enter(next);
            store3<real>(here, next);
            if (alone && n % 32 == 31) sweep.flush(accepted, sum, replicas);
        }
    }
};

// The sites of replica r, from the arguments of update_spins().
template <typename real>
DEVICE SweptSites<real> swept_sites(real* spins, const int* start, const int* neighbour, const int* coupling,
                                    const real* matrices, const int* order, const real* zeeman, int tethered,
                                    const real* anchor, const real* pull, int r, int sites) {
    const long long first = place(0, r, sites);
    return {spins + first, start,          neighbour, coupling, matrices, order, load3(zeeman + place(0, r, 1)),
            tethered,      anchor + first, pull + r};
}

// update_spins() of heatbath.cuh with products
template <typename real>
KERNEL update_spins_with_products(
    real* __restrict__ spins, const int* __restrict__ start, const int* __restrict__ neighbour,
    const int* __restrict__ coupling, const real* __restrict__ matrices, const int* __restrict__ product_start,
    const int* __restrict__ product_entry, const real* __restrict__ product_rows, const int* __restrict__ kind,
    const real* __restrict__ onsite_table, const real* __restrict__ zeeman, const int* __restrict__ order,
    const int* __restrict__ part, int first, int last, int tethered, const real* __restrict__ anchor,
    const real* __restrict__ pull, const real* __restrict__ kT, const real* __restrict__ cone,
    const real* __restrict__ awake, const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0,
    uint32 key1, int moves, double* __restrict__ sums, int sites, int replicas) {
    FOR_EACH_CHUNK (c, last - first, parts_at_once, r, replicas) {
        Sweep<real> sweep(kind, onsite_table, kT, cone, awake, number, turn, r);
        const Products<real> products{product_start, product_entry, product_rows};
        const auto swept =
            swept_sites(spins, start, neighbour, coupling, matrices, order, zeeman, tethered, anchor, pull, r, sites);
        const auto no_waves = [](int) { return NoWaves{}; };
        double* sum = sums + (long long)c * SWEEP_SUMS * replicas + r;
        lane<real> accepted[MOVES] = {};
        FOR_SITES (p, c, parts_at_once, last - first)
            swept.template update<(lanes<real> > 1)>(sweep, products, no_waves, part[first + p], part[first + p + 1],
                                                     moves, key0, key1, accepted, sum, replicas);
        sweep.close(accepted, sum, replicas);
    }
}
