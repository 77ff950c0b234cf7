// Second derivatives of the energy on the product of spheres, applied to tangent vectors of every replica, and
// the Lanczos recursion. Vectors are laid out as spins are.
#pragma once
#include "evaluate.cuh"

// Where the number of site i of replica r stands in [block, site, width].
DEVICE long long spot(int i, int r, int sites) { return ((long long)(r / width) * sites + i) * width + r % width; }

template <typename real, typename Clusters>
DEVICE void hessian_chunk(const real* spins, const real* held, const real* vectors, const Bonds<real>& bonds,
                          const Clusters& products, const Onsite<real>& terms, real* out, double* sums, int c, int r,
                          int sites, int chunk, int replicas) {
    const Spins<real> every{spins + place(0, r, sites)}, along{vectors + place(0, r, sites)};
    double* sum = sums + (long long)c * replicas + r;
    open_sums<real, 1>(sum, replicas);
    lane<real> running[1] = {};
    FOR_SITES (i, c, chunk, sites) {
        const long long at = place(i, r, sites);
        const auto s = load3(spins + at), v = load3(vectors + at);
        const auto b = bonds.field(i, at, along);
        auto more = onsite_change(terms, terms.row(i), s, v);
        products.add_change(i, every, along, more);
        const auto product = tangent(load(held + spot(i, r, sites)) * v - b - more, s);
        running[0] = running[0] + dot(v, product);
        store3<real>(out + at, product);
        if (i % 32 == 31) flush_sums<real>(running, sum, -1, replicas);
    }
    close_sums<real>(running, sum, -1, replicas);
}

// out = H v, and the sums over sites of v . H v, [chunk, replica]:
//     (H v)_i = the part perpendicular to s_i of  held_i v_i - sum_j J_ij v_j - (d b_i / d s_i on site) v_i
// with held_i = s_i . b_i, which stems from the curvature of the sphere (Absil, Mahony & Sepulchre, Optimization
// Algorithms on Matrix Manifolds, chapter 5). v is tangential; `bilinear_field` is that of v.
template <typename real>
KERNEL hessian_product(const real* __restrict__ spins, const real* __restrict__ held, const real* __restrict__ vectors,
                       int source, const real* __restrict__ bilinear_field, const int* __restrict__ start,
                       const int* __restrict__ neighbour, const int* __restrict__ coupling,
                       const real* __restrict__ matrices, const int* __restrict__ kind,
                       const real* __restrict__ onsite_table, real* __restrict__ out, double* __restrict__ sums,
                       int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Bonds<real> bonds{source, bilinear_field, start, neighbour, coupling, matrices};
        const Onsite<real> terms{kind, onsite_table};
        hessian_chunk(spins, held, vectors, bonds, NoProducts{}, terms, out, sums, c, r, sites, chunk, replicas);
    }
}

// The products over sites of `vector` with each of `count` others [count, block, site, 3, width]: [chunk, count,
// replica]
template <typename real>
KERNEL inner_products(const real* __restrict__ vector, const real* __restrict__ others, int count,
                      double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const long long all = (long long)sites * 3 * replicas;
        for (int k = 0; k < count; ++k) {
            double* sum = sums + ((long long)c * count + k) * replicas + r;
            open_sums<real, 1>(sum, replicas);
            lane<real> running[1] = {};
            FOR_SITES (i, c, chunk, sites) {
                const long long at = place(i, r, sites);
                running[0] = running[0] + dot(load3(vector + at), load3(others + k * all + at));
                if (i % 32 == 31) flush_sums<real>(running, sum, -1, replicas);
            }
            close_sums<real>(running, sum, -1, replicas);
        }
    }
}

// The coefficients of Lanczos's next vector, from the products of the present one, u, with H u and with itself. Vectors
// are not normalised: |u| is beta, and u / beta is Lanczos's vector. Row turn of `alpha` and `beta` [step, replica] is
// written: the diagonal of the tridiagonal matrix, and what couples it to the row before.
template <typename real>
KERNEL lanczos_coefficients(const double* __restrict__ products, const double* __restrict__ square,
                            double* __restrict__ alpha, double* __restrict__ beta, real* __restrict__ image,
                            real* __restrict__ present, real* __restrict__ before, uint32* __restrict__ turn,
                            int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const double product = products[r], length2 = square[r];
        const long long row = (long long)turn[r] * replicas + r;
        const double length = root(length2), inverse = length > 0 ? 1 / length : 0;  // 0: the space is exhausted
        const double previous = turn[r] > 0 ? beta[row - replicas] : 0;
        alpha[row] = product * inverse * inverse;
        beta[row] = length;
        image[r] = (real)inverse;
        present[r] = (real)(-alpha[row] * inverse);
        before[r] = (real)(previous > 0 ? -length / previous : 0);
        turn[r] += 1;
    }
}

// next <- image * (H u) + present * u + before * next, where `next` holds the vector before u, and the sums of
// |next|^2, [chunk, replica]. Once the space is exhausted rounding is all that is left of it, which must stay in the
// tangent space.
template <typename real>
KERNEL lanczos_vector(const real* __restrict__ spins, const real* __restrict__ product,
                      const real* __restrict__ vectors, real* __restrict__ next, const real* __restrict__ image,
                      const real* __restrict__ present, const real* __restrict__ before, double* __restrict__ sums,
                      int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const lane<real> x = load(image + r), y = load(present + r), z = load(before + r);
        double* sum = sums + (long long)c * replicas + r;
        open_sums<real, 1>(sum, replicas);
        lane<real> running[1] = {};
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto sum3 = x * load3(product + at) + y * load3(vectors + at) + z * load3(next + at);
            const auto v = tangent(sum3, load3(spins + at));
            running[0] = running[0] + dot(v, v);
            store3<real>(next + at, v);
            if (i % 32 == 31) flush_sums<real>(running, sum, -1, replicas);
        }
        close_sums<real>(running, sum, -1, replicas);
    }
}
