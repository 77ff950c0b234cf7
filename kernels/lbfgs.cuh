// Limited-memory BFGS in the rotation vectors of the spins (the OSO form: Ivanov, Uzdin & Jonsson, Comput. Phys.
// Commun. 260, 107749 (2021)): s <- exp([theta]x) s, dE/dtheta = - s x b. All products of the stored vectors are summed
// in one pass and the direction is built from them in another (vector-free L-BFGS: Chen, Wang & Zhou, NeurIPS 2014).
#pragma once
#include "rules.cuh"

constexpr int history = 6;                // pairs of (theta, change of slope) that are kept
constexpr int vectors = 2 * history + 1;  // thetas, changes, and the torque of now, in this order
constexpr int products = 3 * vectors;     // of all vectors with: newest theta, newest change, torque

// Stores the newest change of slope and the torque, and sums their products with everything stored.
template <typename real>
KERNEL lbfgs_products(const real* __restrict__ spins, const real* __restrict__ force, real* __restrict__ stored,
                      double* __restrict__ sums, int newest, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const long long all = (long long)sites * 3 * replicas;
        double* mine = sums + (long long)c * products * replicas + r;
        open_sums<real, products>(mine, replicas);
        lane<real> running[products] = {};
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto torque = cross(load3(spins + at), load3(force + at));
            const auto change = load3(stored + 2 * history * all + at) - torque;
            const auto theta = load3(stored + newest * all + at);
            store3<real>(stored + (history + newest) * all + at, change);
            store3<real>(stored + 2 * history * all + at, torque);
            for (int v = 0; v < vectors; ++v) {
                const auto w = load3(stored + v * all + at);
                running[v] = running[v] + dot(theta, w);
                running[vectors + v] = running[vectors + v] + dot(change, w);
                running[2 * vectors + v] = running[2 * vectors + v] + dot(torque, w);
            }
            if (i % 32 == 31) flush_sums<real>(running, mine, -1, replicas);
        }
        close_sums<real>(running, mine, -1, replicas);
    }
}

// Coefficients of the direction in terms of the stored vectors: the two-loop recursion on the table of products.
template <typename real>
KERNEL lbfgs(const double* __restrict__ sums, const double* __restrict__ pair_sums, double* __restrict__ state,
             double* __restrict__ table, int* __restrict__ pairs, real* __restrict__ weights, real* __restrict__ step,
             int newest, int sites, double safe_step, double longest_turn, double rounding, int replicas) {
    FOR_EACH_REPLICA (r, replicas) {
        const Column s{state + r, replicas}, G{table + r, replicas};
        for (int v = 0; v < vectors; ++v) weights[v * replicas + r] = 0;
        step[r] = 0;
        const double before = s[ENERGY_NOW];
        if (!observe(s, Total{sums + r, replicas}, sites)) continue;

        const int place[3] = {newest, history + newest, 2 * history};
        for (int p = 0; p < 3; ++p)
            for (int v = 0; v < vectors; ++v) {
                G[place[p] * vectors + v] = G[v * vectors + place[p]] = pair_sums[(p * vectors + v) * replicas + r];
            }
        const double energy = s[ENERGY_NOW];
        const bool rose = s[STEPS] > 1 && energy > before + rounding * (energy < 0 ? -energy : energy);
        const bool curved = s[STEPS] > 1 && G[newest * vectors + history + newest] > 0;
        int& kept = pairs[r];
        kept = rose || !curved ? 0 : (kept < history ? kept + 1 : history);

        double delta[vectors], alpha[history];
        for (int v = 0; v < vectors; ++v) delta[v] = v == 2 * history ? 1 : 0;
        for (int k = 0; k < kept; ++k) {  // newest first
            const int a = (newest + history - k) % history;
            double product = 0;
            for (int v = 0; v < vectors; ++v) product += delta[v] * G[a * vectors + v];
            alpha[a] = product / G[a * vectors + history + a];
            delta[history + a] -= alpha[a];
        }
        double scale = safe_step;
        if (kept) scale = G[newest * vectors + history + newest] / G[(history + newest) * vectors + history + newest];
        for (int v = 0; v < vectors; ++v) delta[v] *= scale;
        for (int k = kept - 1; k >= 0; --k) {
            const int a = (newest + history - k) % history;
            double product = 0;
            for (int v = 0; v < vectors; ++v) product += delta[v] * G[(history + a) * vectors + v];
            delta[a] += alpha[a] - product / G[a * vectors + history + a];
        }
        double downhill = 0;
        for (int v = 0; v < vectors; ++v) downhill += delta[v] * G[2 * history * vectors + v];
        if (!(downhill > 0)) {
            kept = 0;
            for (int v = 0; v < vectors; ++v) delta[v] = v == 2 * history ? safe_step : 0;
        }
        for (int v = 0; v < vectors; ++v) weights[v * replicas + r] = (real)delta[v];
        step[r] = (real)longest_turn;
    }
}

// Builds theta from the stored vectors, no spin turning further than `turn`, stores it and turns the spins.
template <typename real>
KERNEL rotate_spins(real* __restrict__ spins, real* __restrict__ stored, const real* __restrict__ weights,
                    const real* __restrict__ turn, int newest, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const long long all = (long long)sites * 3 * replicas;
        const lane<real> most = load(turn + r);
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            vec<lane<real>> theta{};
            for (int v = 0; v < vectors; ++v)
                theta = theta + load(weights + v * replicas + r) * load3(stored + v * all + at);
            const lane<real> length2 = dot(theta, theta);
            const lane<real> fit =
                where(length2 > most * most, most / root(length2 + (most == 0 ? most + 1 : most * 0)), most * 0 + 1);
            theta = fit * theta;
            store3<real>(stored + newest * all + at, theta);
            // Cayley's rotation, exact to third order in theta: s' = s + 2 / (1 + |u|^2) (u x s + u x (u x s)), u =
            // theta / 2
            const auto s = load3(spins + at), u = real(0.5) * theta, t = cross(u, s);
            const auto moved = unit(s + (2 / (1 + dot(u, u))) * (t + cross(u, t)));
            store3<real>(spins + at, where(most == 0, s, moved));
        }
    }
}
