// One step of every replica on the product of spheres. A replica at rest has step 0 and does not change.
#pragma once
#include "vector.cuh"

// where a step along d takes a spin s
template <typename L>
DEVICE vec<L> moved(vec<L> s, vec<L> d, L step) {
    return where(step == 0, s, unit(s + step * d));
}

// s <- unit(s + step * force)
template <typename real>
KERNEL advance_spins(real* __restrict__ spins, const real* __restrict__ force, const real* __restrict__ step, int sites,
                     int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const lane<real> tau = load(step + r);
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            store3<real>(spins + at, moved(load3(spins + at), load3(force + at), tau));
        }
    }
}

// What is summed over sites of a direction d in which spins are to move. Python reads these names from here.
enum DirectionSum { SLOPE, STEEPEST2, DIRECTION_SUMS };  // force . d, largest |d|^2

// the part of w perpendicular to the spin s, zero where there is none
template <typename L>
DEVICE vec<L> projected(vec<L> s, vec<L> w) {
    return dot(s, s) * w - dot(s, w) * s;
}

// d <- its part perpendicular to the spins, zero where there is none
template <typename real>
KERNEL project_direction(const real* __restrict__ spins, const real* __restrict__ force, real* __restrict__ direction,
                         double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        double* mine = sums + (long long)c * DIRECTION_SUMS * replicas + r;
        open_sums<real, DIRECTION_SUMS>(mine, replicas);
        lane<real> running[DIRECTION_SUMS] = {};
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto d = projected(load3(spins + at), load3(direction + at));
            store3<real>(direction + at, d);
            running[SLOPE] = running[SLOPE] + dot(load3(force + at), d);
            running[STEEPEST2] = larger(running[STEEPEST2], dot(d, d));
            if (i % 32 == 31) flush_sums<real>(running, mine, STEEPEST2, replicas);
        }
        close_sums<real>(running, mine, STEEPEST2, replicas);
    }
}

// v <- keep * v + push * force;  s <- unit(s + step * v);  v <- the part of v perpendicular to the new s
template <typename real>
KERNEL advance_with_velocity(real* __restrict__ spins, real* __restrict__ velocity, const real* __restrict__ force,
                             const real* __restrict__ keep, const real* __restrict__ push,
                             const real* __restrict__ step, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const lane<real> tau = load(step + r), k = load(keep + r), p = load(push + r);
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            const auto v = k * load3(velocity + at) + p * load3(force + at);
            const auto moved = unit(s + tau * v);
            store3<real>(spins + at, where(tau == 0, s, moved));
            store3<real>(velocity + at, tangent(v, moved));
        }
    }
}
