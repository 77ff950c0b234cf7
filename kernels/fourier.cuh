// The bilinear field as a convolution, for the threads of a GPU that share memory: a block of threads has a line of
// cells of a few replicas at once, transforms it, multiplies by J(q), transforms back, and does between two transforms
// what an iteration needs besides. Two neighbouring replicas are the real and the imaginary part of one complex number.
//
// In global memory waves are laid out as spins, [block, cell, size, width / 2] complex. In shared memory a line is
// room[cell, component, pair]; a thread of a transform has the component and pair threadIdx.x, and cells in turn from
// threadIdx.y on. The way back is the way there of complex conjugates, so that there is one transform. Its length has
// factors 2, 3, 5, 7. (magsearch/engine/convolution.py chooses lines and threads.)
#pragma once
#include "advance.cuh"
#include "butterflies.cuh"
#include "evaluate.cuh"

// complex numbers that a thread keeps in registers while a pass permutes its line: floats, or half as many doubles
constexpr int held = 20;

// butterflies of radix p that a thread keeps in registers; of radix 2 as many as of radix 3, since addresses take some
template <typename real>
constexpr DEVICE int butterflies_held(int p) {
    return (held * 4 / (int)sizeof(real) + p - 1) / (p == 2 ? 3 : p);
}

using convolution::Roots;
using convolution::wave;

// A radix-p pass of Stockham's self-sorting transform in place, with `count` butterflies; s is the product of the
// radices before. Butterflies beyond the last are computed and dropped: arrays that only some threads set would stay
// live through the whole kernel.
template <int p, typename real>
DEVICE void stage_of_line(wave<real>* room, const real* roots, int s, int count) {
    constexpr int most = butterflies_held<real>(p);
    const Roots<real, -1> w{roots, count * p};
    const int lanes_of_line = blockDim.x;
    const float inverse = 1.0f / s;
    wave<real>* const mine = room + threadIdx.x;
    wave<real> a[most][p];
#pragma unroll
    for (int k = 0; k < most; ++k) {
        const int b = threadIdx.y + k * blockDim.y;
        const wave<real>* const from = mine + (b < count ? b : 0) * lanes_of_line;
#pragma unroll
        for (int t = 0; t < p; ++t) a[k][t] = from[count * t * lanes_of_line];
        convolution::butterfly<-1, real>(a[k]);
    }
    BARRIER;
#pragma unroll
    for (int k = 0; k < most; ++k) {
        const int b = threadIdx.y + k * blockDim.y;
        if (b < count) {
            const int turned = (int)((b + 0.5f) * inverse) * s;  // b / s * s: exact, b is small
            wave<real>* const to = mine + (b + turned * (p - 1)) * lanes_of_line;
            to[0] = a[k][0];
#pragma unroll
            for (int t = 1; t < p; ++t) to[s * t * lanes_of_line] = w.times(turned * t, a[k][t]);
        }
    }
    BARRIER;
}

// room(q) <- sum_x room(x) exp(- 2 pi i q x / n); roots [n] complex
template <typename real>
DEVICE void transform_room(wave<real>* room, const real* roots, int n) {
    NO_UNROLL for (int s = 1, left = n; left > 1;) {
        int p = 7;
        if (left % 4 == 0)
            p = 4, stage_of_line<4>(room, roots, s, n / 4);
        else if (left % 5 == 0)
            p = 5, stage_of_line<5>(room, roots, s, n / 5);
        else if (left % 3 == 0)
            p = 3, stage_of_line<3>(room, roots, s, n / 3);
        else if (left % 2 == 0)
            p = 2, stage_of_line<2>(room, roots, s, n / 2);
        else
            stage_of_line<7>(room, roots, s, n / 7);
        s *= p, left /= p;
    }
}

// A line of n cells in global memory: `stride` cells apart, of `cells` cells with `size` numbers for each replica.
// blockIdx.x counts lines, blockIdx.y groups of `pairs` pairs of replicas.
struct Line {
    int n, start, stride, size, pairs, group, parts;
    // where a thread's component and pair stand in cell 0, in complex numbers, and how far they are from cell to cell
    long long first, step;

    DEVICE Line(int n, int stride, int size, int cells, int pairs)
        : n(n), stride(stride), size(size), pairs(pairs), parts(width / 2 / pairs) {
        start = blockIdx.x / stride * stride * n + blockIdx.x % stride;
        group = blockIdx.y % parts * pairs;
        const long long block = blockIdx.y / parts;
        first = ((block * cells + start) * size + threadIdx.x / pairs) * (width / 2) + group + threadIdx.x % pairs;
        step = (long long)stride * size * (width / 2);
    }
    DEVICE int replica() const { return blockIdx.y / parts * width + 2 * group; }  // the first of them
};

// use(k, load(k)) for k = first, first + step, ... below n. What `together` of them load is on its way at the same
// time: with a store in between, every load would wait for the one before.
template <int together, typename Load, typename Use>
DEVICE void in_flight(int first, int n, int step, const Load& load, const Use& use) {
    NO_UNROLL for (; first < n; first += together * step) {
        decltype(load(0)) got[together];
#pragma unroll
        for (int t = 0; t < together; ++t)
            if (const int k = first + t * step; k < n) got[t] = load(k);
#pragma unroll
        for (int t = 0; t < together; ++t)
            if (const int k = first + t * step; k < n) use(k, got[t]);
    }
}

template <typename real>
DEVICE void load_line(wave<real>* room, const real* from, const Line& line, real sign) {
    const wave<real>* const in = (const wave<real>*)from + line.first;
    const auto load = [&](int k) { return in[k * line.step]; };
    const auto keep = [&](int k, wave<real> v) { room[k * blockDim.x + threadIdx.x] = {v.re, sign * v.im}; };
    in_flight<held * 2 / (int)sizeof(real)>(threadIdx.y, line.n, blockDim.y, load, keep);
    BARRIER;
}
template <typename real>
DEVICE void store_line(const wave<real>* room, real* to, const Line& line, real sign) {
    wave<real>* const out = (wave<real>*)to + line.first;
    for (int k = threadIdx.y; k < line.n; k += blockDim.y) {
        const wave<real> v = room[k * blockDim.x + threadIdx.x];
        out[k * line.step] = {v.re, sign * v.im};
    }
}

// room <- the conjugate of J(q) room; J [cell, size, size] complex
template <typename real>
DEVICE void multiply_line(wave<real>* room, const real* J, const Line& line) {
    constexpr int together = 4;  // cells whose products a thread holds until all have been read
    const int a = threadIdx.x / line.pairs, pair = threadIdx.x % line.pairs, lanes_of_line = blockDim.x;
    const int rounds = (line.n + blockDim.y - 1) / blockDim.y;
    for (int first = 0; first < rounds; first += together) {
        wave<real> u[together];
#pragma unroll
        for (int k = 0; k < together; ++k) {
            const int q = threadIdx.y + (first + k) * blockDim.y;
            u[k] = {0, 0};
            if (q >= line.n) continue;
            const real* j = J + 2 * ((line.start + (long long)q * line.stride) * line.size + a) * line.size;
            const wave<real>* v = room + q * lanes_of_line + pair;
            for (int b = 0; b < line.size; ++b, j += 2, v += line.pairs) {
                u[k].re += j[0] * v->re - j[1] * v->im;
                u[k].im -= j[0] * v->im + j[1] * v->re;
            }
        }
        BARRIER;
#pragma unroll
        for (int k = 0; k < together; ++k) {
            const int q = threadIdx.y + (first + k) * blockDim.y;
            if (q < line.n) room[q * lanes_of_line + threadIdx.x] = u[k];
        }
    }
    BARRIER;
}

// Transforms every line, there (from = to is allowed) or back.
template <typename real, int threads>
FULL_LINE_KERNEL transform_lines(const real* from, real* to, const real* __restrict__ roots, int back, int n,
                                 int stride, int size, int cells, int pairs) {
    SHARED_ROOM(wave<real>, room);
    const Line line(n, stride, size, cells, pairs);
    const real sign = back ? -1 : 1;
    load_line(room, from, line, sign);
    transform_room(room, roots, n);
    store_line(room, to, line, sign);
}

// Transforms every line of the last axis, multiplies by J(q), and transforms back.
template <typename real, int threads>
FULL_LINE_KERNEL convolve_lines(const real* from, real* to, const real* __restrict__ J, const real* __restrict__ roots,
                                int n, int stride, int size, int cells, int pairs) {
    SHARED_ROOM(wave<real>, room);
    const Line line(n, stride, size, cells, pairs);
    load_line(room, from, line, real(1));
    NO_UNROLL for (int back = 0; back < 2; ++back) {
        transform_room(room, roots, n);
        if (!back) multiply_line(room, J, line);
    }
    store_line(room, to, line, real(-1));
}

// what a thread reads of a cell between two transforms: a spin, and a direction or force
template <typename real>
struct Loaded {
    vec<real> spin, other;
};
template <typename real>
constexpr int cells_at_once = 8 / (int)sizeof(real);  // that a thread loads together

// The vectors of a line between its transforms: every thread has a replica and cells in turn. Lines along the first
// axis hold one atom of each cell: `stride` atoms, `size` 3. What `get` reads are complex conjugates if `conjugated`.
template <typename real>
struct Cells {
    real* room;  // component 0 of this thread's replica in cell 0
    int replica, first, strands, numbers;
    real sign;  // of the imaginary parts, which odd replicas are

    DEVICE Cells(wave<real>* waves, const Line& line, bool conjugated) {
        const int replicas = 2 * line.pairs, thread = threadIdx.y * blockDim.x + threadIdx.x;
        const int mine = thread % replicas;
        strands = blockDim.x * blockDim.y / replicas, first = thread / replicas;
        replica = line.replica() + mine, numbers = 6 * line.pairs, room = (real*)waves + mine;
        sign = conjugated && replica % 2 ? -1 : 1;
    }
    DEVICE bool idle() const { return first >= strands; }
    DEVICE int component() const { return numbers / 3; }
    DEVICE Loaded<real> load(const real* spins, const real* other, int i, int sites) const {  // of site i
        const long long at = place(i, replica, sites);
        return {load3(spins + at), load3(other + at)};
    }
    DEVICE vec<real> get(int k) const {
        const real* at = room + k * numbers;
        return {sign * at[0], sign * at[component()], sign * at[2 * component()]};
    }
    DEVICE void put(int k, vec<real> v) const {
        real* at = room + k * numbers;
        at[0] = v.x, at[component()] = v.y, at[2 * component()] = v.z;
    }
};

// Sums over a line: what the threads of each replica have added up meets in shared memory behind the line, in a fixed
// order. sums [line, quantity, replica]; quantity `largest` is a maximum. All threads of a block come here.
template <int quantities, typename real>
DEVICE void sum_line(const real (&mine)[quantities], const wave<real>* room, double* sums, const Line& line,
                     const Cells<real>& own, int largest, int replicas) {
    const int each = 2 * line.pairs;
    real* const part = (real*)(room + line.n * blockDim.x) + own.replica - line.replica();
    if (!own.idle())
        for (int q = 0; q < quantities; ++q) part[(q * own.strands + own.first) * each] = mine[q];
    BARRIER;
    for (int q = own.first; q < quantities && !own.idle(); q += own.strands) {
        double total = 0;
        for (int k = 0; k < own.strands; ++k) {
            const double v = part[(q * own.strands + k) * each];
            total = q == largest ? larger(total, v) : total + v;
        }
        sums[((long long)blockIdx.x * quantities + q) * replicas + own.replica] = total;
    }
}

// advance_spins, and the transform of the new spins along the first axis (`transformed`)
template <typename real, int threads>
FULL_LINE_KERNEL advance_lines(real* __restrict__ spins, const real* __restrict__ direction,
                               const real* __restrict__ step, real* __restrict__ waves, const real* __restrict__ roots,
                               int transformed, int n, int atoms, int sites, int pairs) {
    SHARED_ROOM(wave<real>, room);
    const Line line(n, atoms, 3, sites, pairs);
    const Cells<real> own(room, line, false);
    const real tau = step[own.replica];
    const auto load = [&](int k) { return own.load(spins, direction, line.start + k * atoms, sites); };
    const auto use = [&](int k, Loaded<real> v) {
        const auto next = moved(v.spin, v.other, tau);
        store3<real>(spins + place(line.start + k * atoms, own.replica, sites), next);
        own.put(k, next);
    };
    if (!own.idle()) in_flight<cells_at_once<real>>(own.first, n, own.strands, load, use);
    BARRIER;
    if (transformed) transform_room(room, roots, n);
    store_line(room, waves, line, real(1));
}

// The way back along the first axis to the bilinear field; evaluate; and the transform of the force, which takes the
// place of the field's.
template <typename real>
LINE_KERNEL evaluate_lines(real* __restrict__ waves, const real* __restrict__ spins, const int* __restrict__ kind,
                           const real* __restrict__ onsite_table, const real* __restrict__ zeeman,
                           const real* __restrict__ other, real* __restrict__ force, double* __restrict__ sums,
                           const real* __restrict__ roots, int transformed, int n, int atoms, int sites, int pairs,
                           int replicas) {
    SHARED_ROOM(wave<real>, room);
    const Line line(n, atoms, 3, sites, pairs);
    const Cells<real> own(room, line, transformed);
    const Onsite<real> terms{kind, onsite_table};
    load_line(room, waves, line, real(transformed ? -1 : 1));
    NO_UNROLL for (int back = 1; back >= 0; --back) {
        if (transformed) transform_room(room, roots, n);
        if (!back) break;
        const auto B = load3(zeeman + place(0, own.replica, 1));
        Sums<real> running;
        const auto load = [&](int k) { return own.load(spins, other, line.start + k * atoms, sites); };
        const auto use = [&](int k, Loaded<real> v) {
            const int i = line.start + k * atoms;
            const auto g = force_on(terms, i, B, v.spin, own.get(k), v.other, running);
            store3<real>(force + place(i, own.replica, sites), g);
            own.put(k, g);
        };
        if (!own.idle()) in_flight<cells_at_once<real>>(own.first, n, own.strands, load, use);
        sum_line<SUMS>(running.v, room, sums, line, own, LARGEST2, replicas);
    }
    store_line(room, waves, line, real(1));
}

// The way back along the first axis, and project_direction.
template <typename real, int threads>
FULL_LINE_KERNEL project_lines(const real* __restrict__ waves, const real* __restrict__ spins,
                               const real* __restrict__ force, real* __restrict__ direction, double* __restrict__ sums,
                               const real* __restrict__ roots, int transformed, int n, int atoms, int sites, int pairs,
                               int replicas) {
    SHARED_ROOM(wave<real>, room);
    const Line line(n, atoms, 3, sites, pairs);
    const Cells<real> own(room, line, transformed);
    load_line(room, waves, line, real(transformed ? -1 : 1));
    if (transformed) transform_room(room, roots, n);
    real running[DIRECTION_SUMS] = {};
    const auto load = [&](int k) { return own.load(spins, force, line.start + k * atoms, sites); };
    const auto use = [&](int k, Loaded<real> v) {
        const auto d = projected(v.spin, own.get(k));
        store3<real>(direction + place(line.start + k * atoms, own.replica, sites), d);
        running[SLOPE] += dot(v.other, d);
        running[STEEPEST2] = larger(running[STEEPEST2], dot(d, d));
    };
    if (!own.idle()) in_flight<cells_at_once<real>>(own.first, n, own.strands, load, use);
    sum_line<DIRECTION_SUMS>(running, room, sums, line, own, STEEPEST2, replicas);
}
