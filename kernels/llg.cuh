// The Landau-Lifshitz-Gilbert equation, overdamped or with precession, without and with thermal noise. Time is in
// 1 / meV: a spin moves towards its field at the rate of its force, and turns about it faster by 1 / damping,
//     ds/dt = - s x (s x B) - (1 / damping) s x B,    B = b + noise.
#pragma once
#include "noise.cuh"
#include "rules.cuh"

// The step of a replica, shortened by the factor `drop` where the angular velocity of its trajectory saturates
// (AutoDrop: Teng, Wang & Choromanska, arXiv:2111.15317): the angle from one force to the next, averaged over `pacing`
// steps, is larger than `angle` and differs from that of the steps before by less than `saturation`, a threshold that
// grows as the step shrinks, up to `most`. The step stays as it is where `pacing` is 0.
DEVICE void pace(Column s, double ff, double fp, int pacing, double first, double shortest, double drop,
                 double saturation, double most, double angle) {
    if (s[STEP] == 0) s[STEP] = first, s[TURN_BEFORE] = -1;
    const double before = s[FORCE2_BEFORE];
    s[FORCE2_BEFORE] = ff;
    if (pacing == 0 || !(ff * before > 0)) return;
    const double cosine = fp / root(ff * before);
    s[TURN] += acos(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
    s[TURN_STEPS] += 1;
    if (s[TURN_STEPS] < pacing) return;
    const double turn = s[TURN] / pacing, change = turn - s[TURN_BEFORE];
    const double grown = saturation * first / s[STEP], threshold = grown < most ? grown : most;
    const bool saturated = s[TURN_BEFORE] >= 0 && (change < 0 ? -change : change) < threshold;
    s[TURN_BEFORE] = turn;
    if (saturated && turn > angle && s[STEP] > shortest) {
        s[STEP] = drop * s[STEP] > shortest ? drop * s[STEP] : shortest;
        s[TURN_BEFORE] = -1;  // a new step has an angular velocity of its own
    }
    s[TURN] = s[TURN_STEPS] = 0;
}

// The step of every replica. `turn` [replica] numbers the steps, for those who draw.
template <typename real>
KERNEL landau_lifshitz(const double* __restrict__ sums, double* __restrict__ state, real* __restrict__ step,
                       uint32* __restrict__ turn, int sites, int pacing, double first, double shortest, double drop,
                       double saturation, double most, double angle, double longest_turn, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas};
        const Total total{sums + r, replicas};
        step[r] = 0;
        if (!observe(s, total, sites)) continue;
        turn[r] = (uint32)s[STEPS];
        pace(s, total[FORCE2], total[OVERLAP], pacing, first, shortest, drop, saturation, most, angle);
        step[r] = (real)(s[STEP] * s[TORQUE] > longest_turn ? longest_turn / s[TORQUE] : s[STEP]);
    }
}

// What a step adds to a spin with this force: p - (1 / damping) s x p, with p = step * force - s x (s x noise): 0 at a
// vacancy.
template <typename real>
DEVICE vec<lane<real>> increment(vec<lane<real>> s, vec<lane<real>> force, vec<lane<real>> noise, lane<real> step,
                                 real precession) {
    const auto p = step * force + cross(s, cross(noise, s));
    return p - precession * cross(s, p);
}

// sqrt(2 D step) with D = kT / (1 + 1 / damping^2): noise and damping then leave exp(-E / kT) as it is.
template <typename real>
DEVICE lane<real> agitation(lane<real> kT, lane<real> step, real precession) {
    return root(2 * kT * step / (1 + precession * precession));
}

// Heun's scheme, which converges to the Stratonovich solution (Garcia-Palacios & Lazaro, Phys. Rev. B 58, 14937
// (1998)): a whole step from the `start` with the force there ...
template <typename real>
KERNEL heun_predict(real* __restrict__ spins, const real* __restrict__ force, real* __restrict__ start,
                    const real* __restrict__ step, const real* __restrict__ kT, double precession,
                    const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0, uint32 key1,
                    int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const real rate = (real)precession;
        const lane<real> tau = load(step + r), strength = agitation<real>(load(kT + r), tau, rate);
        const word<real> replica = load_words<real>(number + r), draw = load_words<real>(turn + r);
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            const auto noise = strength * normal<real>(word<real>{} + (uint32)i, replica, draw, key0, key1);
            store3<real>(start + at, s);
            const auto moved = unit(s + increment<real>(s, load3(force + at), noise, tau, rate));
            store3<real>(spins + at, where(tau == 0, s, moved));
        }
    }
}

// ... then the mean of this step and of one with the force `ahead`, where it led, under the same noise.
template <typename real>
KERNEL heun_correct(real* __restrict__ spins, const real* __restrict__ force, const real* __restrict__ ahead,
                    const real* __restrict__ start, const real* __restrict__ step, const real* __restrict__ kT,
                    double precession, const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0,
                    uint32 key1, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const real rate = (real)precession;
        const lane<real> tau = load(step + r), strength = agitation<real>(load(kT + r), tau, rate);
        const word<real> replica = load_words<real>(number + r), draw = load_words<real>(turn + r);
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = load3(start + at), there = load3(spins + at);
            const auto noise = strength * normal<real>(word<real>{} + (uint32)i, replica, draw, key0, key1);
            const auto here = increment<real>(s, load3(force + at), noise, tau, rate);
            const auto next = increment<real>(there, load3(ahead + at), noise, tau, rate);
            store3<real>(spins + at, where(tau == 0, s, unit(s + real(0.5) * (here + next))));
        }
    }
}
