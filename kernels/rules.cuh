// How a minimiser chooses its next step: a few numbers of each replica, no loop over sites. The state of every replica
// is a column of `state`, its sums over all sites (see reduce_sums) are a column of `sums`.
#pragma once
#include "advance.cuh"
#include "evaluate.cuh"

constexpr int memory = 10;  // energies that the non-monotone safeguard remembers

// What is kept of each replica, [row, replica] in double precision. Python reads these names from here.
enum State {
    ENERGY_NOW,  // meV, of the whole replica
    TORQUE,      // meV, largest |s x b|
    MEAN_X,
    MEAN_Y,
    MEAN_Z,           // mean spin
    RESTING,          // 0 moving, 1 torque below its threshold, 2 variance below its thresholds, 3 padding
    STEPS,            // evaluations so far
    WINDOW,           // steps over which variances are taken; 0: none are
    LEAST_TORQUE,     // meV, below which the replica rests
    ENERGY_VARIANCE,  // meV^2, of the energy per site, and ...
    MOMENT_VARIANCE,  // ... of the mean spin, below both of which it rests
    STEP,             // length of the last step, 1 / meV
    FORCE2_BEFORE,    // |force|^2 at the previous evaluation
    UPHILL,           // FIRE: steps since the last uphill one
    MIXING,           // FIRE: share of the force in the velocity
    TURN,             // LLG: radians from each force to the next, added up over the last TURN_STEPS steps ...
    TURN_STEPS,
    TURN_BEFORE,  // ... and their mean over as many steps before; -1: there are none
    WINDOW_STEPS,
    WINDOW_E0,
    WINDOW_E,
    WINDOW_EE,
    WINDOW_M0X,
    WINDOW_M0Y,
    WINDOW_M0Z,
    WINDOW_MX,
    WINDOW_MY,
    WINDOW_MZ,
    WINDOW_MM,
    PAST,  // the last `memory` energies
    STATES = PAST + memory
};

struct Column {
    double* p;
    int stride;
    DEVICE double& operator[](int row) const { return p[(long long)row * stride]; }
};

// the sums of a replica over all sites
struct Total {
    const double* p;
    int stride;
    DEVICE double operator[](int quantity) const { return p[(long long)quantity * stride]; }
};

// Variance control (Xu et al., Commun. Phys. 6, 239 (2023)): within a window of steps, the variance of the energy per
// site and of the mean spin. Returns whether both are below their thresholds at the window's end.
DEVICE bool variances_are_small(Column s, double energy) {
    const double m[3] = {s[MEAN_X], s[MEAN_Y], s[MEAN_Z]};
    if (s[WINDOW_STEPS] == 0) {
        s[WINDOW_E0] = energy;
        for (int k = 0; k < 3; ++k) s[WINDOW_M0X + k] = m[k], s[WINDOW_MX + k] = 0;
        s[WINDOW_E] = s[WINDOW_EE] = s[WINDOW_MM] = 0;
    }
    const double e = energy - s[WINDOW_E0];  // differences from the window's first value: no cancellation
    s[WINDOW_E] += e;
    s[WINDOW_EE] += e * e;
    for (int k = 0; k < 3; ++k) {
        const double d = m[k] - s[WINDOW_M0X + k];
        s[WINDOW_MX + k] += d;
        s[WINDOW_MM] += d * d;
    }
    s[WINDOW_STEPS] += 1;
    if (s[WINDOW_STEPS] < s[WINDOW]) return false;
    const double n = s[WINDOW_STEPS], mean = s[WINDOW_E] / n;
    double mm = s[WINDOW_MM] / n;
    for (int k = 0; k < 3; ++k) mm -= s[WINDOW_MX + k] / n * s[WINDOW_MX + k] / n;
    s[WINDOW_STEPS] = 0;
    return s[WINDOW_EE] / n - mean * mean < s[ENERGY_VARIANCE] && mm < s[MOMENT_VARIANCE];
}

// Takes the sums in, decides whether the replica may rest, and returns whether it continues.
DEVICE bool observe(Column s, Total sums, int sites) {
    if (s[RESTING] != 0) return false;
    s[ENERGY_NOW] = sums[ENERGY];
    s[TORQUE] = root(sums[LARGEST2]);
    for (int k = 0; k < 3; ++k) s[MEAN_X + k] = sums[MX + k] / sites;
    s[STEPS] += 1;
    if (s[TORQUE] < s[LEAST_TORQUE])
        s[RESTING] = 1;
    else if (s[WINDOW] > 0 && variances_are_small(s, s[ENERGY_NOW] / sites))
        s[RESTING] = 2;
    return s[RESTING] == 0;
}

// Barzilai & Borwein, IMA J. Numer. Anal. 8, 141 (1988): the two step lengths in turn; after a rise above the last
// `memory` energies (Grippo, Lampariello & Lucidi, SIAM J. Numer. Anal. 23, 707 (1986)) a step that must descend.
// With x' = x + a f the difference of positions is a f, so that products of forces are all that is needed. Where a
// preconditioner takes forces f to directions d, x' = x + a d, and products f . d stand for f . f: lengths in its
// metric. Returns the length of the step, 0 where the replica rests.
DEVICE double barzilai_borwein_step(Column s, Total sums, bool preconditioned, Total direction_sums, int sites,
                                    double safe_step, double longest_turn, double rounding) {
    if (!observe(s, sums, sites)) return 0;
    const double ff = preconditioned ? direction_sums[SLOPE] : sums[FORCE2];
    const double steepest = preconditioned ? root(direction_sums[STEEPEST2]) : s[TORQUE];
    const double fp = sums[OVERLAP], pp = s[FORCE2_BEFORE], n = s[STEPS], energy = s[ENERGY_NOW];
    const double least = preconditioned ? 1e-3 : 0.1;
    double a = safe_step;
    if (n > 1) {
        double highest = s[PAST];
        for (int k = 1; k < memory && k < n - 1; ++k) highest = s[PAST + k] > highest ? s[PAST + k] : highest;
        const double sy = pp - fp, yy = ff - 2 * fp + pp;
        if (energy <= highest + rounding * (energy < 0 ? -energy : energy)) {
            if (sy > 0 && yy > 0)
                a = (int)n % 2 ? s[STEP] * pp / sy : s[STEP] * sy / yy;
            else
                a = 4 * s[STEP];
            if (a < least * safe_step) a = least * safe_step;
        } else if (preconditioned && 0.25 * s[STEP] < a) {
            a = 0.25 * s[STEP];
        }
    }
    if (a * steepest > longest_turn) a = longest_turn / steepest;
    s[PAST + ((int)n - 1) % memory] = energy;
    s[FORCE2_BEFORE] = ff;
    s[STEP] = a;
    return a;
}
template <typename real>
KERNEL barzilai_borwein(const double* __restrict__ sums, int preconditioned, const double* __restrict__ direction_sums,
                        double* __restrict__ state, real* __restrict__ step, int sites, double safe_step,
                        double longest_turn, double rounding, int replicas) {
    FOR_EACH_REPLICA (r, replicas)
        step[r] =
            (real)barzilai_borwein_step(Column{state + r, replicas}, Total{sums + r, replicas}, preconditioned,
                                        Total{direction_sums + r, replicas}, sites, safe_step, longest_turn, rounding);
}

// Velocity projection: keep the part of the velocity along the force while it points downhill, start anew otherwise.
// Bessarab, Uzdin & Jonsson, Comput. Phys. Commun. 196, 335 (2015). OTHER is the velocity.
template <typename real>
KERNEL velocity_projection(const double* __restrict__ sums, double* __restrict__ state, real* __restrict__ keep,
                           real* __restrict__ push, real* __restrict__ step, int sites, double time_step,
                           double longest_turn, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas};
        const Total total{sums + r, replicas};
        keep[r] = push[r] = step[r] = 0;
        if (!observe(s, total, sites)) continue;
        const double ff = total[FORCE2], fv = total[OVERLAP];
        const double along = fv > 0 && ff > 0 ? fv / ff : 0;
        double dt = time_step;
        if (dt * (along + dt) * s[TORQUE] > longest_turn) dt = longest_turn / ((along + dt) * s[TORQUE]);
        push[r] = (real)(along + time_step);
        step[r] = (real)dt;
    }
}

// FIRE: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), with the published constants. OTHER is the velocity.
template <typename real>
KERNEL fire(const double* __restrict__ sums, double* __restrict__ state, real* __restrict__ keep,
            real* __restrict__ push, real* __restrict__ step, int sites, double time_step, double longest_step,
            double longest_turn, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas};
        const Total total{sums + r, replicas};
        keep[r] = push[r] = step[r] = 0;
        if (!observe(s, total, sites)) continue;
        const double ff = total[FORCE2], fv = total[OVERLAP];
        const double vv = total[OTHER2];
        if (s[STEP] == 0) s[STEP] = time_step, s[MIXING] = 0.1;
        double kept = 0, mixed = 0;
        if (fv > 0) {
            kept = 1 - s[MIXING];
            mixed = s[MIXING] * root(vv / ff);
            s[UPHILL] += 1;
            if (s[UPHILL] > 5) {
                s[STEP] = 1.1 * s[STEP] < longest_step ? 1.1 * s[STEP] : longest_step;
                s[MIXING] *= 0.99;
            }
        } else {
            s[UPHILL] = 0;
            if (s[STEPS] > 1) s[STEP] *= 0.5;
            s[MIXING] = 0.1;
        }
        const double dt = s[STEP], speed = kept * root(vv) + (mixed + dt) * s[TORQUE];
        keep[r] = (real)kept;
        push[r] = (real)(mixed + dt);
        step[r] =
            (real)(dt * speed > longest_turn * root((double)sites) ? longest_turn * root((double)sites) / speed : dt);
    }
}
