// The Landau-Lifshitz equation without and with thermal noise. Time is in 1 / meV: a spin moves towards its field at
// the rate of its force, and turns about it at 1 / damping times that rate,
//     ds/dt = - s x (s x B) - (1 / damping) s x B,    B = b + noise.
#pragma once
#include "elementary.cuh"
#include "philox.cuh"
#include "rules.cuh"

// Step control by the angular velocity of the trajectory (AutoDrop: Teng, Wang & Choromanska, arXiv:2111.15317): the
// angle between successive forces, averaged over `window` steps. Where it changes from one window to the next by less
// than `saturation`, the step is shortened by the factor `drop`, and the threshold raised by as much, up to `most`.
DEVICE void pace(Column s, double ff, double fp, int window, double first, double shortest, double drop,
                 double saturation, double most) {
    if (s[STEP] == 0) s[STEP] = first, s[TURN_BEFORE] = -1;
    const double before = s[FORCE2_BEFORE];
    s[FORCE2_BEFORE] = ff;
    if (window == 0 || s[STEPS] < 2 || !(ff * before > 0)) return;
    const double cosine = fp / root(ff * before);
    s[TURN] += acos(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
    s[TURN_STEPS] += 1;
    if (s[TURN_STEPS] < window) return;
    const double turn = s[TURN] / window, change = turn - s[TURN_BEFORE];
    double threshold = saturation * first / s[STEP];
    if (threshold > most) threshold = most;
    if (s[TURN_BEFORE] >= 0 && (change < 0 ? -change : change) < threshold && s[STEP] > shortest) {
        s[STEP] = drop * s[STEP] > shortest ? drop * s[STEP] : shortest;
        s[TURN_BEFORE] = -1;  // the new step has an angular velocity of its own
    } else {
        s[TURN_BEFORE] = turn;
    }
    s[TURN] = s[TURN_STEPS] = 0;
}

// The step of each replica; `turn` is the number of the step, for random numbers.
template <typename real>
KERNEL landau_lifshitz(const double* __restrict__ sums, double* __restrict__ state, real* __restrict__ step,
                       uint32* __restrict__ turn, int groups, int sites, int window, double torque,
                       double energy_variance, double moment_variance, int pacing, double first, double shortest,
                       double drop, double saturation, double most, double longest_turn, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas};
        step[r] = 0;
        if (!observe(s, sums, groups, sites, window, torque, energy_variance, moment_variance, r, replicas)) continue;
        turn[r] = (uint32)s[STEPS];
        pace(s, summed(sums, FORCE2, groups, r, replicas), summed(sums, OVERLAP, groups, r, replicas), pacing, first,
             shortest, drop, saturation, most);
        step[r] = (real)(s[STEP] * s[TORQUE] > longest_turn ? longest_turn / s[TORQUE] : s[STEP]);
    }
}

// Three numbers with the normal distribution for each lane: Box & Muller, Ann. Math. Stat. 29, 610 (1958).
template <typename real>
DEVICE vec<lane<real>> normal(int i, word<real> replica, word<real> draw, uint32 key0, uint32 key1) {
    const word<real> zero{};
    const Four<word<real>> counter{{zero + (uint32)i, replica, draw, zero}};
    const Four<word<real>> random = philox(counter, key0, key1);
    const lane<real> first = root(-2 * logarithm<real>(uniform<real>(random.v[0])));
    const lane<real> second = root(-2 * logarithm<real>(uniform<real>(random.v[2])));
    lane<real> c, s, c2, s2;
    turn<real>(uniform<real>(random.v[1]) - real(0.5), c, s);
    turn<real>(uniform<real>(random.v[3]) - real(0.5), c2, s2);
    return {first * c, first * s, second * c2};
}

// How far a spin with this force goes in a step: P - (1 / damping) s x P with P = step * force + noise
template <typename real>
DEVICE vec<lane<real>> increment(vec<lane<real>> s, vec<lane<real>> force, vec<lane<real>> noise, lane<real> step,
                                 real precession) {
    const auto push = step * force + tangent(noise, s);
    return push - precession * cross(s, push);
}

// sqrt(2 D step), D = kT / (1 + 1 / damping^2): then exp(-E / kT) is what the noise and the damping leave as it is
template <typename real>
DEVICE lane<real> agitation(lane<real> kT, lane<real> step, real precession) {
    return root(2 * kT * step / (1 + precession * precession));
}

// Heun's scheme, which converges to the Stratonovich solution: a first step with the field of where the spins are ...
// J. L. Garcia-Palacios & F. J. Lazaro, Phys. Rev. B 58, 14937 (1998).
template <typename real>
KERNEL predict(real* __restrict__ spins, const real* __restrict__ force, real* __restrict__ start,
               real* __restrict__ first, const real* __restrict__ step, const real* __restrict__ kT, double precession,
               const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0, uint32 key1, int sites,
               int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const lane<real> tau = load(step + r), strength = agitation(load(kT + r), tau, (real)precession);
        const word<real> replica = load_words<real>(number + r), draw = load_words<real>(turn + r);
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at);
            const auto noise = strength * normal<real>(i, replica, draw, key0, key1);
            const auto move = increment<real>(s, load3(force + at), noise, tau, (real)precession);
            store3<real>(start + at, s);
            store3<real>(first + at, move);
            store3<real>(spins + at, where(tau == 0, s, unit(s + move)));
        }
    }
}

// ... then the mean of this step and the one that begins where it ended, with the same noise
template <typename real>
KERNEL correct(real* __restrict__ spins, const real* __restrict__ force, const real* __restrict__ start,
               const real* __restrict__ first, const real* __restrict__ step, const real* __restrict__ kT,
               double precession, const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0,
               uint32 key1, int sites, int chunk, int replicas) {
    FOR_EACH (c, (sites + chunk - 1) / chunk, r, replicas) {
        const lane<real> tau = load(step + r), strength = agitation(load(kT + r), tau, (real)precession);
        const word<real> replica = load_words<real>(number + r), draw = load_words<real>(turn + r);
        for (int i = c * chunk; i < sites && i < (c + 1) * chunk; ++i) {
            const long long at = place(i, r, sites);
            const auto s = load3(spins + at), s0 = load3(start + at);
            const auto noise = strength * normal<real>(i, replica, draw, key0, key1);
            const auto move = increment<real>(s, load3(force + at), noise, tau, (real)precession);
            const auto moved = unit(s0 + real(0.5) * (load3(first + at) + move));
            store3<real>(spins + at, where(tau == 0, s, moved));
        }
    }
}
