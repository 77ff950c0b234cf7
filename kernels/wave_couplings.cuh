// Couplings at wave vectors Q, of all spins with all others through the sums C = sum_i s_i cos(Q.r_i) and S with sines:
//     E = 2 sum_Q [- J X + 2 D . (C x S) / N + K X^2 / N],    X = (C . A C + S . A S) / N
// Their field is a wave, U cos(Q.r_i) + V sin(Q.r_i), which other kernels find where a convolution stands.
#pragma once
#include "products.cuh"

// Constants of a wave vector, in double precision. Python reads these names from here.
enum WaveRow { WAVE_J, WAVE_K, WAVE_D, WAVE_A = WAVE_D + 3, WAVE_WIDTH = WAVE_A + 9 };
// The sums of a wave: C, then S.
enum WaveSum { COSINES, SINES = COSINES + 3, WAVE_SUMS = SINES + 3 };

// the cosine and the sine of Q.r at site i for wave w, of phases [site, wave, 2]; zeros at vacancies
template <typename real>
DEVICE const real* phase_of(const real* phases, int waves, int i, int w) {
    return phases + 2 * ((long long)i * waves + w);
}

// C and S of every wave, sums [chunk, wave, WAVE_SUMS, replica]
template <typename real>
KERNEL sum_waves(const real* __restrict__ spins, const real* __restrict__ phases, int waves, double* __restrict__ sums,
                 int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        for (int w = 0; w < waves; ++w) {
            double* sum = sums + ((long long)c * waves + w) * WAVE_SUMS * replicas + r;
            open_sums<real, WAVE_SUMS>(sum, replicas);
            lane<real> running[WAVE_SUMS] = {};
            FOR_SITES (i, c, chunk, sites) {
                const auto s = load3(spins + place(i, r, sites));
                const real *p = phase_of(phases, waves, i, w), cosine = p[0], sine = p[1];
                running[0] = running[0] + cosine * s.x;
                running[1] = running[1] + cosine * s.y;
                running[2] = running[2] + cosine * s.z;
                running[3] = running[3] + sine * s.x;
                running[4] = running[4] + sine * s.y;
                running[5] = running[5] + sine * s.z;
                if (i % 32 == 31) flush_sums<real>(running, sum, -1, replicas);
            }
            close_sums<real>(running, sum, -1, replicas);
        }
    }
}

DEVICE vec<double> three(const double* sums, int replicas) {
    return {sums[0], sums[(long long)replicas], sums[2 * (long long)replicas]};
}
DEVICE vec<double> times(const double* A, vec<double> s) {
    return {A[0] * s.x + A[1] * s.y + A[2] * s.z, A[3] * s.x + A[4] * s.y + A[5] * s.z,
            A[6] * s.x + A[7] * s.y + A[8] * s.z};
}
template <typename real>
DEVICE void put3(real* p, vec<double> v) {
    p[0] = (real)v.x, p[width] = (real)v.y, p[2 * width] = (real)v.z;
}

// U and V of every wave, fields [block, 2 wave, 3, width], from the sums of the spins, [wave, WAVE_SUMS, replica];
// where `varied`, their change as all spins move along vectors with the sums `moving`. To E = - 1/2 sum_i s_i . b_i of
// these fields `energy` [replica] is to be added.
template <typename real>
KERNEL wave_fields(const double* __restrict__ sums, int varied, const double* __restrict__ moving,
                   const double* __restrict__ table, int waves, int spins, real* __restrict__ fields,
                   double* __restrict__ energy, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        double left = 0;
        for (int w = 0; w < waves; ++w) {
            const double *p = table + WAVE_WIDTH * w, *A = p + WAVE_A;
            const long long at = (long long)WAVE_SUMS * w * replicas + r;
            const auto C = three(sums + at, replicas), S = three(sums + at + (long long)SINES * replicas, replicas);
            const auto AC = times(A, C), AS = times(A, S);
            const vec<double> D{p[WAVE_D], p[WAVE_D + 1], p[WAVE_D + 2]};
            const double X = (dot(C, AC) + dot(S, AS)) / spins, four = 2 * p[WAVE_K] / spins, J = p[WAVE_J] - four * X;
            vec<double> U, V;
            if (varied) {
                const auto c = three(moving + at, replicas),
                           s = three(moving + at + (long long)SINES * replicas, replicas);
                const double more = four * 2 * (dot(c, AC) + dot(s, AS)) / spins;
                U = J * times(A, c) - cross(s, D) - more * AC;
                V = J * times(A, s) - cross(D, c) - more * AS;
            } else {
                U = J * AC - cross(S, D);
                V = J * AS - cross(D, C);
                left -= four * X * X;
            }
            put3(fields + place(2 * w, r, 2 * waves), 4.0 / spins * U);
            put3(fields + place(2 * w + 1, r, 2 * waves), 4.0 / spins * V);
        }
        energy[r] = left;
    }
}

// The field of the waves at every site, to what stands in `out` where `added`, else in its place.
template <typename real>
KERNEL spread_waves(const real* __restrict__ fields, const real* __restrict__ phases, int waves, int added,
                    real* __restrict__ out, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const real* mine = fields + place(0, r, 2 * waves);
        FOR_SITES (i, c, chunk, sites) {
            real* here = out + place(i, r, sites);
            vec<lane<real>> b{};
            if (added) b = load3(here);
            for (int w = 0; w < waves; ++w) {
                const real* p = phase_of(phases, waves, i, w);
                b = b + p[0] * load3(mine + 6 * width * w) + p[1] * load3(mine + 6 * width * w + 3 * width);
            }
            store3<real>(here, b);
        }
    }
}

// Adds what fields do not tell of the energy to the sums [chunk, SUMS, replica] of an evaluation.
template <typename real>
KERNEL add_wave_energy(const double* __restrict__ energy, double* __restrict__ sums, int replicas) {
    FOR_EACH_REPLICA (r, replicas) sums[(long long)ENERGY * replicas + r] += energy[r];
}

// The sums of the waves as update_spins_with_waves keeps them, held [block, 2 wave, 3, width]: C, then S.
template <typename real>
KERNEL hold_waves(const double* __restrict__ sums, int waves, real* __restrict__ held, int replicas) {
    FOR_EACH_REPLICA (r, replicas)
        for (int n = 0; n < 2 * waves; ++n)
            put3(held + place(n, r, 2 * waves), three(sums + 3 * (long long)n * replicas + r, replicas));
}

// The waves as the spin of one site feels them: their sums over all other spins.
template <typename real>
struct Waves {
    const double* table;
    int waves, spins;
    int bent;           // whether the energy is not linear in a spin
    const real* phase;  // of the site
    real* held;         // of a replica (or register)

    DEVICE real constant(int w, int n) const { return (real)table[WAVE_WIDTH * w + n]; }
    DEVICE vec<lane<real>> cosines(int w) const { return load3(held + 6 * width * w); }
    DEVICE vec<lane<real>> sines(int w) const { return load3(held + 6 * width * w + 3 * width); }
    DEVICE vec<lane<real>> stretched(int w, vec<lane<real>> s) const {
        const double* A = table + WAVE_WIDTH * w + WAVE_A;
        return {(real)A[0] * s.x + (real)A[1] * s.y + (real)A[2] * s.z,
                (real)A[3] * s.x + (real)A[4] * s.y + (real)A[5] * s.z,
                (real)A[6] * s.x + (real)A[7] * s.y + (real)A[8] * s.z};
    }
    // X without the spin, and half of what its slope is in the spin, both in units of 1 / spins
    DEVICE lane<real> without(int w) const {
        return dot(cosines(w), stretched(w, cosines(w))) + dot(sines(w), stretched(w, sines(w)));
    }
    DEVICE vec<lane<real>> along(int w) const {
        return stretched(w, phase[2 * w] * cosines(w) + phase[2 * w + 1] * sines(w));
    }

    // Adds the spin to the sums, sign times.
    DEVICE void add(real sign, vec<lane<real>> s) const {
        for (int w = 0; w < waves; ++w) {
            store3<real>(held + 6 * width * w, cosines(w) + sign * phase[2 * w] * s);
            store3<real>(held + 6 * width * w + 3 * width, sines(w) + sign * phase[2 * w + 1] * s);
        }
    }

    DEVICE void leave(vec<lane<real>> s) const { add(-1, s); }
    DEVICE void enter(vec<lane<real>> s) const { add(1, s); }

    // h with the field where the spin is zero, which does not depend on it
    DEVICE vec<lane<real>> with_field(vec<lane<real>> h) const {
        for (int w = 0; w < waves; ++w) {
            const vec<lane<real>> D{lane<real>{} + constant(w, WAVE_D), lane<real>{} + constant(w, WAVE_D + 1),
                                    lane<real>{} + constant(w, WAVE_D + 2)};
            const lane<real> J = constant(w, WAVE_J) - 2 * constant(w, WAVE_K) / spins / spins * without(w);
            h = h + real(4) / spins *
                        (J * along(w) - phase[2 * w] * cross(sines(w), D) - phase[2 * w + 1] * cross(D, cosines(w)));
        }
        return h;
    }

    // Adds to `energy` the energy with the spin less that without it, and less - h.s.
    DEVICE lane<real> rest(vec<lane<real>> s, lane<real> energy) const {
        if (!bent) return energy;
        for (int w = 0; w < waves; ++w) {
            const real own = (phase[2 * w] * phase[2 * w] + phase[2 * w + 1] * phase[2 * w + 1]) / spins;
            const lane<real> self = own * dot(s, stretched(w, s));
            const lane<real> change = real(2) / spins * dot(s, along(w)) + self;
            const lane<real> both = change * change + real(2) / spins * without(w) * self;
            energy = energy + 2 * (constant(w, WAVE_K) / spins * both - constant(w, WAVE_J) * self);
        }
        return energy;
    }
};

// update_spins_with_products() for models with couplings at wave vectors as well: `held` are their sums, which follow
// every spin. All spins feel each other, so that a sweep has one part.
template <typename real>
KERNEL update_spins_with_waves(
    real* __restrict__ spins, const int* __restrict__ start, const int* __restrict__ neighbour,
    const int* __restrict__ coupling, const real* __restrict__ matrices, const int* __restrict__ product_start,
    const int* __restrict__ product_entry, const real* __restrict__ product_rows, const int* __restrict__ kind,
    const real* __restrict__ onsite_table, const real* __restrict__ zeeman, const int* __restrict__ order,
    const int* __restrict__ part, int first, int last, int tethered, const real* __restrict__ anchor,
    const real* __restrict__ pull, const real* __restrict__ kT, const real* __restrict__ cone,
    const real* __restrict__ awake, const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0,
    uint32 key1, int moves, double* __restrict__ sums, const real* __restrict__ phases,
    const double* __restrict__ table, int waves, int count, int bent, real* __restrict__ held, int sites,
    int replicas) {
    FOR_EACH (c, last - first, r, replicas) {
        const auto waves_of = [&](int i) {
            return Waves<real>{table, waves, count, bent, phase_of(phases, waves, i, 0), held + place(0, r, 2 * waves)};
        };
        Sweep<real> sweep(kind, onsite_table, kT, cone, awake, number, turn, r);
        const Products<real> products{product_start, product_entry, product_rows};
        const auto swept =
            swept_sites(spins, start, neighbour, coupling, matrices, order, zeeman, tethered, anchor, pull, r, sites);
        double* sum = sums + (long long)c * SWEEP_SUMS * replicas + r;
        lane<real> accepted[MOVES] = {};
        swept.template update<true>(sweep, products, waves_of, part[first + c], part[first + c + 1], moves, key0, key1,
                                    accepted, sum, replicas);
        sweep.flush(accepted, sum, replicas);
    }
}
