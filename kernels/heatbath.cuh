// Monte Carlo at a temperature: single-spin updates of every replica, one site after the other.
#pragma once
#include "elementary.cuh"
#include "philox.cuh"
#include "rules.cuh"

// How a spin is updated in a sweep. Python reads these names from here.
enum Move {
    HEATBATH,    // drawn anew from exp(h.s / kT), h being the field of the terms linear in s
    CONE,        // Metropolis: uniform in a cone about where it is
    REFLECTION,  // microcanonical: reflected at h
    REVERSAL,    // Metropolis: s -> -s, over the barrier of an easy axis
    MOVES
};

// What a sweep sums over the spins. Python reads these names from here.
enum SweepSum { CHANGE, SX, SY, SZ, ACCEPTED, ACCEPTED_CONES, ACCEPTED_REFLECTIONS, ACCEPTED_REVERSALS, SWEEP_SUMS };

// 1 - cos of the angle to h, drawn from exp(a cos) by inversion of its distribution; a = 1 / t = |h| / kT, u uniform.
// Where a is small and rounding spoils the logarithm: the first cumulants of the same formula.
template <typename real>
DEVICE lane<real> inclination(lane<real> a, lane<real> t, lane<real> u) {
    const lane<real> x = 2 * u - 1, xx = x * x;
    const lane<real> third = real(1. / 3) * x - real(1. / 12) * a * (3 * xx - 1);
    const lane<real> soft = x + (1 - xx) * a * (real(0.5) - a * third);
    const lane<real> drawn = -t * logarithm<real>(u + (1 - u) * decay<real>(2 * a));
    return where(a < real(1. / 128), 1 - soft, drawn);
}

// The unit vector with 1 - cos = d from n whose azimuth about n is x turns; the frame is that of Duff et al., J.
// Comput. Graph. Tech. 6, 1 (2017).
template <typename real>
DEVICE vec<lane<real>> inclined(vec<lane<real>> n, lane<real> d, lane<real> x) {
    lane<real> cosine, sine;
    turn<real>(x, cosine, sine);
    const lane<real> one = lane<real>{} + 1, sign = where(n.z < 0, -one, one), a = -1 / (sign + n.z), b = n.x * n.y * a;
    const vec<lane<real>> e1{1 + sign * n.x * n.x * a, sign * b, -sign * n.x}, e2{b, sign + n.y * n.y * a, -n.y};
    const lane<real> sine2 = d * (2 - d), radius = root(where(sine2 > 0, sine2, one * 0));
    return (1 - d) * n + radius * (cosine * e1 + sine * e2);
}

// |s| is 1 up to rounding, which must not add up: one step of Newton's method for 1 / |s|
template <typename L>
DEVICE vec<L> trimmed(vec<L> s) {
    return (L{} + 1.5f - 0.5f * dot(s, s)) * s;
}

// Energy of the anisotropy of one site: what is not linear in its spin.
template <typename real>
DEVICE lane<real> anisotropy(const Onsite<real>& terms, const real* p, vec<lane<real>> s) {
    lane<real> energy{};
    if (terms.quadratic) energy = -dot(s, apply(p + QUADRATIC, s));
    if (terms.entries) {
        vec<lane<real>> field{};
        onsite_higher(terms, p + ENTRIES, s, field, energy);
    }
    return energy;
}

// Where a sweep is, and what it has done so far: one replica, or a register of them.
template <typename real>
struct Sweep {
    Onsite<real> terms;
    lane<real> temperature, beta, width_of_cone, moving;
    word<real> replica, number;
    lane<real> change;
    vec<lane<real>> total;

    DEVICE Sweep(const int* kind, const real* onsite_table, const real* kT, const real* cone, const real* awake,
                 const uint32* replicas, const uint32* turn, int r)
        : terms{kind, onsite_table},
          temperature(load(kT + r)),
          beta(1 / temperature),
          width_of_cone(load(cone + r)),
          moving(load(awake + r)),
          replica(load_words<real>(replicas + r)),
          number(load_words<real>(turn + r)) {
        forget();
    }
    DEVICE void forget() { change = lane<real>{}, total = vec<lane<real>>{change, change, change}; }
    DEVICE void flush(lane<real> (&accepted)[MOVES], double* sum, int replicas) {
        add_to(sum + CHANGE * replicas, change), add_to(sum + SX * replicas, total.x);
        add_to(sum + SY * replicas, total.y), add_to(sum + SZ * replicas, total.z);
        for (int m = 0; m < MOVES; ++m) {
            add_to(sum + (ACCEPTED + m) * replicas, accepted[m]);
            accepted[m] = lane<real>{};
        }
        forget();
    }
    // what the threads of a block have counted, in one sum
    DEVICE void close(const lane<real> (&accepted)[MOVES], double* sum, int replicas) {
        lane<real> v[SWEEP_SUMS] = {change,      total.x,     total.y,     total.z,
                                    accepted[0], accepted[1], accepted[2], accepted[3]};
        close_sums<real, SWEEP_SUMS, true>(v, sum, SWEEP_SUMS, replicas);
    }

    DEVICE vec<lane<real>> update(int i, vec<lane<real>> s, vec<lane<real>> h, int moves, uint32 key0, uint32 key1,
                                  lane<real> (&accepted)[MOVES]) {
        const auto own = [&](vec<lane<real>> trial) { return anisotropy(terms, terms.row(i), trial); };
        return update(i, s, h, moves, key0, key1, terms.linear(), own, accepted);
    }

    // Makes the moves whose bits are set in turn, with spin s of site i in the field h of what is linear in it, and
    // counts those that are accepted (apart from the rest: indices that are not constant keep an array out of
    // registers). own(s) is the energy of the terms that are not linear in s; `linear`: there are none.
    template <typename Own>
    DEVICE vec<lane<real>> update(int i, vec<lane<real>> s, vec<lane<real>> h, int moves, uint32 key0, uint32 key1,
                                  bool linear, const Own& own, lane<real> (&accepted)[MOVES]) {
        const lane<real> square = dot(h, h), one = lane<real>{} + 1;
        const lane<real> inverse = 1 / root(where(square > 0, square, one));
        const auto felt = where(square > 0, inverse * h, vec<lane<real>>{one * 0, one * 0, one});
        for (int m = 0; m < MOVES; ++m) {
            if (!(moves >> m & 1)) continue;
            const word<real> zero{};
            Four<word<real>> random{{zero + (uint32)i, replica, number, zero + (uint32)m}};
            if (!linear || m != REFLECTION) random = philox(random, key0, key1);
            const lane<real> u = uniform<real>(random.v[0]), x = uniform<real>(random.v[1]) - real(0.5);
            vec<lane<real>> next;
            if (m == HEATBATH)
                next = inclined<real>(felt, inclination<real>(beta * square * inverse, temperature * inverse, u), x);
            else if (m == CONE)
                next = inclined<real>(s, width_of_cone * u, x);
            else if (m == REFLECTION)
                next = 2 * dot(s, felt) * felt - s;
            else
                next = vec<lane<real>>{-s.x, -s.y, -s.z};
            next = trimmed(next);
            const lane<real> felt_change = -dot(h, next - s);
            auto yes = moving > 0;
            lane<real> cost = felt_change;
            const bool metropolis = m == CONE || m == REVERSAL;
            if (!linear || metropolis) {
                const lane<real> other = own(next) - own(s);
                cost = felt_change + other;
                const lane<real> against = metropolis ? cost : other;  // the rest is in the proposal already
                const lane<real> rise = beta * where(against > 0, against, one * 0);
                yes = yes & (uniform<real>(random.v[2]) <= decay<real>(rise));
            }
            s = where(yes, next, s);
            change = change + where(yes, cost, one * 0);
            accepted[m] = accepted[m] + where(yes, one, one * 0);
        }
        total = total + s;
        return s;
    }
};

// Updates the spins of the parts first, first + 1, ..., last - 1 of a sweep, part after part on its own thread, the
// sites of a part in order. Parts of one launch must not feel each other. At each site the moves whose bits are set in
// `moves` are made in turn; the field h of the neighbours is summed once. Adds to the sums; replicas that are not awake
// do not change. `number` [replica] and `turn` [replica], the number of this sweep, count the random numbers. Where
// `tethered`, every spin feels pull [replica] times its `anchor` [block, site, 3, width] as well, in meV.
template <typename real>
FULL_KERNEL update_spins(real* __restrict__ spins, const int* __restrict__ start, const int* __restrict__ neighbour,
                         const int* __restrict__ coupling, const real* __restrict__ matrices,
                         const int* __restrict__ kind, const real* __restrict__ onsite_table,
                         const real* __restrict__ zeeman, const int* __restrict__ order, const int* __restrict__ part,
                         int first, int last, int tethered, const real* __restrict__ anchor,
                         const real* __restrict__ pull, const real* __restrict__ kT, const real* __restrict__ cone,
                         const real* __restrict__ awake, const uint32* __restrict__ number,
                         const uint32* __restrict__ turn, uint32 key0, uint32 key1, int moves,
                         double* __restrict__ sums, int sites, int replicas) {
    FOR_EACH_CHUNK (c, last - first, parts_at_once, r, replicas) {
        Sweep<real> sweep(kind, onsite_table, kT, cone, awake, number, turn, r);
        lane<real> accepted[MOVES] = {};
        const auto B = load3(zeeman + place(0, r, 1));
        real* mine = spins + place(0, r, sites);
        double* sum = sums + (long long)c * SWEEP_SUMS * replicas + r;
        FOR_SITES (p, c, parts_at_once, last - first)
            for (int n = part[first + p], end = part[first + p + 1]; n < end; ++n) {
                const int i = order[n];
                real* here = mine + (long long)i * 3 * width;
                auto h = bilinear(Spins<real>{mine}, neighbour, coupling, matrices, start[i], start[i + 1]) +
                         sweep.terms.row(i)[MOMENT] * B;
                if (tethered) h = h + load(pull + r) * load3(anchor + place(i, r, sites));
                store3<real>(here, sweep.update(i, load3(here), h, moves, key0, key1, accepted));
                if (lanes<real> > 1 && n % 32 == 31) sweep.flush(accepted, sum, replicas);
            }
        sweep.close(accepted, sum, replicas);
    }
}

// What a sweep did, taken into the state of every replica; `energies`, where they are exact, are the sums of a full
// evaluation, else energies follow from their changes. Variance control as for minimisers, torque where it is known.
// `last`: of the sweeps of one iteration. While `adapting`, cones are widened or narrowed towards an acceptance of one
// half.
template <typename real>
KERNEL finish_sweep(const double* __restrict__ swept, const double* __restrict__ energies, int exact,
                    double* __restrict__ state, real* __restrict__ awake, real* __restrict__ cone,
                    uint32* __restrict__ turn, int moves, int adapting, int spins, int sites, int last, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas};
        turn[r] += 1;
        awake[r] = s[RESTING] == 0;
        if (s[RESTING] != 0) continue;
        const Total sum{swept + r, replicas}, total{energies + r, replicas};
        s[ENERGY_NOW] = exact ? total[ENERGY] : s[ENERGY_NOW] + sum[CHANGE];
        for (int k = 0; k < 3; ++k) s[MEAN_X + k] = sum[SX + k] / sites;
        s[STEPS] += 1;
        if (adapting && moves >> CONE & 1) {
            const double wider = sum[ACCEPTED + CONE] > 0.5 * spins ? 1.1 : 1 / 1.1, c = wider * cone[r];
            cone[r] = (real)(c < 2 ? c : 2);
        }
        if (exact) s[TORQUE] = root(total[LARGEST2]);
        if (exact && s[TORQUE] < s[LEAST_TORQUE])
            s[RESTING] = 1;
        else if (last && s[WINDOW] > 0 && variances_are_small(s, s[ENERGY_NOW] / sites))
            s[RESTING] = 2;
        awake[r] = s[RESTING] == 0;
    }
}
