// What a GPU does otherwise than a CPU: the threads of a block reduce sums together, and a Barzilai-Borwein iteration
// is two launches, one that chooses the step of every replica, and one that takes it and evaluates the energy where it
// led.
#pragma once
#include "heatbath.cuh"

constexpr int company = 4;   // replicas whose sums a block of threads reduces: 32 bytes of every row
constexpr int strands = 16;  // its warps; each takes every 16th chunk, and company x 8 quantities side by side

// The total over all chunks of one quantity of one replica, in a fixed order, returned to the first warp. `part` is
// what the threads tell one another, [strand, width]. All threads of a block come here.
DEVICE double reduce_together(const double* sums, int chunks, int quantities, int q, bool largest, int r, int replicas,
                              double* part) {
    double total = 0;
    for (int c = threadIdx.y; q < quantities && r < replicas && c < chunks; c += strands) {
        const double v = sums[((long long)c * quantities + q) * replicas + r];
        total = largest ? larger(total, v) : total + v;
    }
    part[threadIdx.y * width + threadIdx.x] = total;
    BARRIER;
    for (int k = 1; threadIdx.y == 0 && k < strands; ++k) {
        const double v = part[k * width + threadIdx.x];
        total = largest ? larger(total, v) : total + v;
    }
    BARRIER;
    return total;
}

// reduce_sums for the threads of a GPU; a block has `company` replicas and the quantities from 8 blockIdx.y on
template <typename real>
BLOCK_KERNEL reduce_sums_together(const double* __restrict__ sums, double* __restrict__ total, int chunks,
                                  int quantities, int largest, int replicas) {
    SHARED(double, part, strands* width);
    const int r = blockIdx.x * company + threadIdx.x % company;
    const int q = (blockIdx.y * width + threadIdx.x) / company;
    const double all = reduce_together(sums, chunks, quantities, q, q == largest, r, replicas, part);
    if (threadIdx.y == 0 && q < quantities && r < replicas) total[(long long)q * replicas + r] = all;
}

// reduce_sums of both kinds of sums [chunk, quantity, replica], and barzilai_borwein; a block has `company` replicas
template <typename real>
BLOCK_KERNEL choose_step(const double* __restrict__ sums, int preconditioned, const double* __restrict__ direction_sums,
                         double* __restrict__ state, real* __restrict__ step, int chunks, int sites, double safe_step,
                         double longest_turn, double rounding, int replicas) {
    SHARED(double, part, strands* width);
    SHARED(double, totals, SUMS* company);
    SHARED(double, slopes, DIRECTION_SUMS* company);
    static_assert(SUMS * company == width, "a warp holds all sums of its replicas");
    const int q = threadIdx.x / company, r = blockIdx.x * company + threadIdx.x % company;
    const double total = reduce_together(sums, chunks, SUMS, q, q == LARGEST2, r, replicas, part);
    if (threadIdx.y == 0) totals[threadIdx.x] = total;
    if (preconditioned) {
        const bool largest = q == STEEPEST2;
        const double along = reduce_together(direction_sums, chunks, DIRECTION_SUMS, q, largest, r, replicas, part);
        if (threadIdx.y == 0 && q < DIRECTION_SUMS) slopes[threadIdx.x] = along;
    }
    BARRIER;
    if (threadIdx.y == 0 && q == 0 && r < replicas)
        step[r] = (real)barzilai_borwein_step(Column{state + r, replicas}, Total{totals + threadIdx.x, company},
                                              preconditioned, Total{slopes + threadIdx.x, company}, sites, safe_step,
                                              longest_turn, rounding);
}

// spins where a step along the force takes them
template <typename real>
struct MovedSpins {
    const real *spins, *force;  // spin 0 of a replica
    real step;
    DEVICE vec<real> operator()(int j) const {
        const long long at = j * (long long)(3 * width);
        return moved(load3(spins + at), load3(force + at), step);
    }
};

// advance_spins along the force and evaluate at once, on the direct path: next_spins and next_force take the place of
// spins and force, with which the new force is compared (OVERLAP, OTHER2). Every thread moves its site's neighbours
// anew, which is less than another pass over memory where they are few.
template <typename real>
BLOCK_KERNEL advance_and_evaluate(const real* __restrict__ spins, const real* __restrict__ force,
                                  const real* __restrict__ step, const int* __restrict__ start,
                                  const int* __restrict__ neighbour, const int* __restrict__ coupling,
                                  const real* __restrict__ matrices, const int* __restrict__ kind,
                                  const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                                  real* __restrict__ next_spins, real* __restrict__ next_force,
                                  double* __restrict__ sums, int sites, int chunk, int replicas) {
    FOR_EACH_CHUNK (c, sites, chunk, r, replicas) {
        const Onsite<real> terms{kind, onsite_table};
        const auto B = load3(zeeman + place(0, r, 1));
        const long long first = place(0, r, sites);
        const MovedSpins<real> ahead{spins + first, force + first, step[r]};
        double* sum = sums + (long long)c * SUMS * replicas + r;
        Sums<real> running;
        FOR_SITES (i, c, chunk, sites) {
            const long long at = place(i, r, sites);
            const auto s = ahead(i);
            const auto b = bilinear<real, 1>(ahead, neighbour, coupling, matrices, start[i], start[i + 1]);
            store3<real>(next_spins + at, s);
            store3<real>(next_force + at, force_on(terms, i, B, s, b, load3(force + at), running));
        }
        running.close(sum, replicas);
    }
}

// update_spins for long lists of bonds: a block of threads has one part of one block of replicas, its warps share the
// bonds of each site, and the first of them moves the spin.
template <typename real>
FULL_BLOCK_KERNEL update_spins_together(real* __restrict__ spins, const int* __restrict__ start,
                                        const int* __restrict__ neighbour, const int* __restrict__ coupling,
                                        const real* __restrict__ matrices, const int* __restrict__ kind,
                                        const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                                        const int* __restrict__ order, const int* __restrict__ part, int first,
                                        int last, int tethered, const real* __restrict__ anchor,
                                        const real* __restrict__ pull, const real* __restrict__ kT,
                                        const real* __restrict__ cone, const real* __restrict__ awake,
                                        const uint32* __restrict__ number, const uint32* __restrict__ turn, uint32 key0,
                                        uint32 key1, int moves, double* __restrict__ sums, int sites, int replicas) {
    SHARED(real, field, 3 * warps * width);
    const int c = blockIdx.x, r = blockIdx.y * width + threadIdx.x, warp = threadIdx.y;
    Sweep<real> sweep(kind, onsite_table, kT, cone, awake, number, turn, r);
    real accepted[MOVES] = {};
    const auto B = load3(zeeman + place(0, r, 1));
    real* mine = spins + place(0, r, sites);
    double* sum = sums + (long long)c * SWEEP_SUMS * replicas + r;
    const int begin = part[first + c], end = part[first + c + 1];
    for (int n = begin; n < end; ++n) {
        const int i = order[n], bonds = start[i + 1] - start[i];
        const auto share = bilinear(Spins<real>{mine}, neighbour, coupling, matrices, start[i] + bonds * warp / warps,
                                    start[i] + bonds * (warp + 1) / warps);
        store3<real>(field + 3 * width * warp + threadIdx.x, share);
        BARRIER;
        if (warp == 0) {
            auto h = sweep.terms.row(i)[MOMENT] * B;
            for (int w = 0; w < warps; ++w) h = h + load3(field + 3 * width * w + threadIdx.x);
            if (tethered) h = h + pull[r] * load3(anchor + place(i, r, sites));
            real* here = mine + (long long)i * 3 * width;
            store3<real>(here, sweep.update(i, load3(here), h, moves, key0, key1, accepted));
            if (n % 32 == 31 || n + 1 == end) sweep.flush(accepted, sum, replicas);
        }
        BARRIER;
    }
}
