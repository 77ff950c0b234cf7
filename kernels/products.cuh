// Products of the spins of several sites, in addition to bonds and terms of one site:
//     E = sum over clusters  a (ij)(kl) + b (jk)(li) + c (ik)(jl) + t i.(j x k),    (ij) = s_i . s_j
// Models without such clusters run the kernels of evaluate.cuh, hessian.cuh and heatbath.cuh.
#pragma once
#include "heatbath.cuh"
#include "hessian.cuh"

// An entry of a site stands for a cluster as the site sees it: the three other sites, and a row of constants. Python
// reads these names from here. OWN is one over the number of times that the site appears in its cluster; the energy is
// shared by the sites: SHARE.
enum ProductEntry { SECOND, THIRD, FOURTH, ROW, ENTRY_WIDTH };
enum ProductRow { PRODUCT_A, PRODUCT_B, PRODUCT_C, PRODUCT_T, SHARE, OWN, PRODUCT_WIDTH };

// The clusters of every site: entries start[2 i] to start[2 i + 1] are linear in its spin, those to start[2 i + 2] not.
template <typename real>
struct Products {
    const int *start, *entry;
    const real* rows;

    DEVICE int first(int i) const { return start[2 * i]; }
    DEVICE int middle(int i) const { return start[2 * i + 1]; }
    DEVICE int last(int i) const { return start[2 * i + 2]; }
};

// dE/ds of the site of an entry, its energy being linear in s
template <typename real>
DEVICE vec<lane<real>> slope(const real* p, vec<lane<real>> j, vec<lane<real>> k, vec<lane<real>> l) {
    auto g = p[PRODUCT_A] * dot(k, l) * j + p[PRODUCT_B] * dot(j, k) * l + p[PRODUCT_C] * dot(j, l) * k;
    if (p[PRODUCT_T] != 0) g = g + p[PRODUCT_T] * cross(j, k);
    return g;
}

// Adds the field of the entries first to last - 1 to b, and returns their energy with spin s of the site.
template <typename real, typename Spin>
DEVICE lane<real> product_field(const Products<real>& products, const Spin& spin, int first, int last,
                                vec<lane<real>> s, vec<lane<real>>& b) {
    lane<real> energy{};
    for (int n = first; n < last; ++n) {
        const int* e = products.entry + ENTRY_WIDTH * n;
        const real* p = products.rows + PRODUCT_WIDTH * e[ROW];
        const auto g = slope(p, spin(e[SECOND]), spin(e[THIRD]), spin(e[FOURTH]));
        energy = energy + p[SHARE] * dot(s, g);
        b = b - g;
    }
    return energy;
}

// The change of the field of a site as all spins move along v.
template <typename real>
DEVICE vec<lane<real>> product_change(const Products<real>& products, int i, const Spins<real>& spin,
                                      const Spins<real>& v) {
    vec<lane<real>> change{};
    for (int n = products.first(i); n < products.last(i); ++n) {
        const int* e = products.entry + ENTRY_WIDTH * n;
        const real* p = products.rows + PRODUCT_WIDTH * e[ROW];
        const auto j = spin(e[SECOND]), k = spin(e[THIRD]), l = spin(e[FOURTH]);
        change = change - slope(p, v(e[SECOND]), k, l) - slope(p, j, v(e[THIRD]), l);
        if (p[PRODUCT_T] == 0) change = change - slope(p, j, k, v(e[FOURTH]));
    }
    return change;
}

// Energy of the entries of site i that are not linear in its spin, with s in its place: what is not linear in a spin.
template <typename real>
DEVICE lane<real> own_products(const Products<real>& products, int i, const Spins<real>& spin, vec<lane<real>> s) {
    lane<real> energy{};
    for (int n = products.middle(i); n < products.last(i); ++n) {
        const int* e = products.entry + ENTRY_WIDTH * n;
        const real* p = products.rows + PRODUCT_WIDTH * e[ROW];
        const auto j = e[SECOND] == i ? s : spin(e[SECOND]), k = e[THIRD] == i ? s : spin(e[THIRD]),
                   l = e[FOURTH] == i ? s : spin(e[FOURTH]);
        energy = energy + p[OWN] * dot(s, slope(p, j, k, l));
    }
    return energy;
}

// field() of evaluate.cuh with products
template <typename real>
KERNEL field_with_products(const real* __restrict__ spins, int direct, const real* __restrict__ bilinear_field,
                           const int* __restrict__ start, const int* __restrict__ neighbour,
                           const int* __restrict__ coupling, const real* __restrict__ matrices,
                           const int* __restrict__ product_start, const int* __restrict__ product_entry,
                           const real* __restrict__ product_rows, const int* __restrict__ kind,
                           const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                           real* __restrict__ out, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const Products<real> products{product_start, product_entry, product_rows};
        const auto B = load3(zeeman + place(0, r, 1));
        const Spins<real> mine{spins + place(0, r, sites)};
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            auto b =
                bilinear_of(direct, bilinear_field + at, mine, neighbour, coupling, matrices, start[i], start[i + 1]);
            product_field(products, mine, products.first(i), products.last(i), s, b);
            onsite(terms, terms.row(i), B, s, b);
            store3<real>(out + at, b);
        }
    }
}

// evaluate() of evaluate.cuh with products
template <typename real>
KERNEL evaluate_with_products(const real* __restrict__ spins, int direct, const real* bilinear_field,
                              const int* __restrict__ start, const int* __restrict__ neighbour,
                              const int* __restrict__ coupling, const real* __restrict__ matrices,
                              const int* __restrict__ product_start, const int* __restrict__ product_entry,
                              const real* __restrict__ product_rows, const int* __restrict__ kind,
                              const real* __restrict__ onsite_table, const real* __restrict__ zeeman, const real* other,
                              real* force, double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const Products<real> products{product_start, product_entry, product_rows};
        const auto B = load3(zeeman + place(0, r, 1));
        const Spins<real> mine{spins + place(0, r, sites)};
        double* sum = sums + (long long)c * SUMS * replicas + r;
        open_sums<real, SUMS>(sum, replicas);
        Sums<real> running;
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            auto b =
                bilinear_of(direct, bilinear_field + at, mine, neighbour, coupling, matrices, start[i], start[i + 1]);
            lane<real> energy = real(-0.5) * dot(s, b);
            energy = energy + product_field(products, mine, products.first(i), products.last(i), s, b);
            energy = energy + onsite(terms, terms.row(i), B, s, b);
            const auto g = tangent(b, s);
            running.add(energy, s, g, load3(other + at));
            store3<real>(force + at, g);
            if (i % 32 == 31) running.flush(sum, replicas);
        }
        running.close(sum, replicas);
    }
}

// hessian_product() of hessian.cuh with products
template <typename real>
KERNEL hessian_with_products(const real* __restrict__ spins, const real* __restrict__ held,
                             const real* __restrict__ vectors, int direct, const real* __restrict__ bilinear_field,
                             const int* __restrict__ start, const int* __restrict__ neighbour,
                             const int* __restrict__ coupling, const real* __restrict__ matrices,
                             const int* __restrict__ product_start, const int* __restrict__ product_entry,
                             const real* __restrict__ product_rows, const int* __restrict__ kind,
                             const real* __restrict__ onsite_table, real* __restrict__ out, double* __restrict__ sums,
                             int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const Products<real> products{product_start, product_entry, product_rows};
        const Spins<real> mine{vectors + place(0, r, sites)}, there{spins + place(0, r, sites)};
        double* sum = sums + (long long)c * replicas + r;
        open_sums<real, 1>(sum, replicas);
        lane<real> running[1] = {};
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at), v = load3(vectors + at);
            const auto b =
                bilinear_of(direct, bilinear_field + at, mine, neighbour, coupling, matrices, start[i], start[i + 1]);
            const auto more = onsite_change(terms, terms.row(i), s, v) + product_change(products, i, there, mine);
            const auto product = tangent(load(held + spot(i, r, sites)) * v - b - more, s);
            running[0] = running[0] + dot(v, product);
            store3<real>(out + at, product);
            if (i % 32 == 31) flush_sums<real>(running, sum, -1, replicas);
        }
        close_sums<real>(running, sum, -1, replicas);
    }
}

// update_spins() of heatbath.cuh with products: clusters that are linear in the spin of the site add to its field,
// the others to what Metropolis tests.
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
    FOR_EACH (c, last - first, r, replicas) {
        Sweep<real> sweep(kind, onsite_table, kT, cone, awake, number, turn, r);
        const Products<real> products{product_start, product_entry, product_rows};
        lane<real> accepted[MOVES] = {};
        const auto B = load3(zeeman + place(0, r, 1));
        real* mine = spins + place(0, r, sites);
        const Spins<real> every{mine};
        double* sum = sums + (long long)c * SWEEP_SUMS * replicas + r;
        const int begin = part[first + c], end = part[first + c + 1];
        for (int n = begin; n < end; ++n) {
            const int i = order[n];
            real* here = mine + (long long)i * 3 * width;
            const auto s = load3(here);
            auto h =
                bilinear(every, neighbour, coupling, matrices, start[i], start[i + 1]) + sweep.terms.row(i)[MOMENT] * B;
            product_field(products, every, products.first(i), products.middle(i), s, h);
            if (tethered) h = h + load(pull + r) * load3(anchor + place(i, r, sites));
            const bool linear = sweep.terms.linear() && products.middle(i) == products.last(i);
            const auto own = [&](vec<lane<real>> trial) {
                return anisotropy(sweep.terms, sweep.terms.row(i), trial) + own_products(products, i, every, trial);
            };
            store3<real>(here, sweep.update(i, s, h, moves, key0, key1, linear, own, accepted));
            if (n % 32 == 31 || n + 1 == end) sweep.flush(accepted, sum, replicas);
        }
    }
}
