// One step of every replica on the product of spheres. A replica at rest has step 0 and does not change.
#pragma once
#include "vector.cuh"

// s <- unit(s + step * force)
template <typename real>
KERNEL advance_spins(real* __restrict__ spins, const real* __restrict__ force, const real* __restrict__ step, int sites,
                     int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const lane<real> tau = load(step + r);
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            const auto moved = unit(s + tau * load3(force + at));
            store3<real>(spins + at, where(tau == 0, s, moved));
        }
    }
}

// What is summed over sites of a direction d in which spins are to move. Python reads these names from here.
enum DirectionSum { SLOPE, STEEPEST2, DIRECTION_SUMS };  // force . d, largest |d|^2

// d <- the part of wave perpendicular to the spins, zero where there is none
template <typename real>
KERNEL project_direction(const real* __restrict__ spins, const real* __restrict__ force, const real* __restrict__ wave,
                         real* __restrict__ direction, double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        double* mine = sums + (long long)c * DIRECTION_SUMS * replicas + r;
        for (int q = 0; q < DIRECTION_SUMS; ++q)
            for (int k = 0; k < lanes<real>; ++k) mine[q * replicas + k] = 0;
        lane<real> slope{}, steepest2{};
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at), w = load3(wave + at), d = dot(s, s) * w - dot(s, w) * s;
            store3<real>(direction + at, d);
            slope = slope + dot(load3(force + at), d);
            steepest2 = larger(steepest2, dot(d, d));
            if (i % 32 == 31) add_to(mine + SLOPE * replicas, slope), slope = lane<real>{};
        }
        add_to(mine + SLOPE * replicas, slope), raise_to(mine + STEEPEST2 * replicas, steepest2);
    }
}

// v <- keep * v + push * force;  s <- unit(s + step * v);  v <- the part of v perpendicular to the new s
template <typename real>
KERNEL advance_with_velocity(real* __restrict__ spins, real* __restrict__ velocity, const real* __restrict__ force,
                             const real* __restrict__ keep, const real* __restrict__ push,
                             const real* __restrict__ step, int sites, int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const lane<real> tau = load(step + r), k = load(keep + r), p = load(push + r);
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            const auto v = k * load3(velocity + at) + p * load3(force + at);
            const auto moved = unit(s + tau * v);
            store3<real>(spins + at, where(tau == 0, s, moved));
            store3<real>(velocity + at, tangent(v, moved));
        }
    }
}
