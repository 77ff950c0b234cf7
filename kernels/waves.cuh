// Waves of textures [replica, site, 3]: neighbouring threads, or lanes, are cells or sites. The grid counts stretches
// of `width` of them along x, since y ends at 65535 blocks.
#pragma once
#include "elementary.cuh"
#include "padding.cuh"

// the fraction of x beyond the nearest whole number, -1/2 to 1/2
template <typename real>
DEVICE lane<real> fraction(lane<real> x) {
    return x - ((x + shift<real>)-shift<real>);
}

template <typename L>
struct Phase {
    L re, im;
};
template <typename L>
DEVICE Phase<L> operator*(Phase<L> a, Phase<L> b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <typename L>
DEVICE Phase<L> conjugate(Phase<L> a) {
    return {a.re, -a.im};
}
// Add sum_w Re[u_w a_w(x) b_w(y) c_w(z)] in each cell (x, y, z): u [replica, wave, column, 2] of the columns (3
// components of each atom) of a cell; along [replica, wave, n1 + n2 + n3, 2]: a of all x, then b of all y and c of all
// z.
template <typename real>
KERNEL add_waves(real* __restrict__ textures, const real* __restrict__ along, const real* __restrict__ u, int n1,
                 int n2, int n3, int columns, int waves, int replicas) {
    const int cells = n1 * n2 * n3, stretches = (cells + width - 1) / width;
    FOR_EACH (b, stretches * replicas, n, width) {
        const int replica = b / stretches, first = b % stretches * width + n;
        int x[lanes<real>], y[lanes<real>], z[lanes<real>];
        for (int l = 0; l < lanes<real>; ++l) {
            const Place at = place_of(first + l < cells ? first + l : 0, 1, n1, n2);
            x[l] = at.x, y[l] = n1 + at.y, z[l] = n1 + n2 + at.z;
        }
        for (int c = 0; c < columns; c += 3) {  // an atom of the cell
            vec<lane<real>> more{};
            for (int w = replica * waves; w < (replica + 1) * waves; ++w) {
                const real* values = along + 2 * (long long)w * (n1 + n2 + n3);
                const auto at = [=](const int* place) {
                    return Phase<lane<real>>{each_lane<real>([=](int l) { return values[2 * place[l]]; }),
                                             each_lane<real>([=](int l) { return values[2 * place[l] + 1]; })};
                };
                const Phase<lane<real>> wave = at(x) * at(y) * at(z);
                const real* a = u + 2 * ((long long)w * columns + c);
                more.x = more.x + a[0] * wave.re - a[1] * wave.im;
                more.y = more.y + a[2] * wave.re - a[3] * wave.im;
                more.z = more.z + a[4] * wave.re - a[5] * wave.im;
            }
            real* mine = textures + ((long long)replica * cells + first) * columns + c;
            for (int l = 0; l < lanes<real> && first + l < cells; ++l, mine += columns) {
                mine[0] += element<real>(more.x, l);
                mine[1] += element<real>(more.y, l);
                mine[2] += element<real>(more.z, l);
            }
        }
    }
}

template <typename real>
DEVICE Phase<lane<real>> turned_by(lane<real> turns) {
    Phase<lane<real>> phase;
    turn<real>(fraction<real>(turns), phase.re, phase.im);
    return phase;
}

// theta_1(x + tau y), |y| <= 1, over a positive number that would overflow in long boxes. It is odd: z in the upper
// half plane. nome [factor, 2]: exp(2 pi i n tau) for n = 0, 1, ...
template <typename real>
DEVICE Phase<lane<real>> theta(lane<real> x, lane<real> y, real tau_x, real tau_y, const real* nome, int factors) {
    using L = lane<real>;
    constexpr real two_pi = 6.28318530717958647692;
    const L sign = where(y < 0, L{} - 1, L{} + 1);
    const L height = sign * y, away = where(height < 1, 1 - height, L{});
    const Phase<L> half = turned_by<real>(real(0.5) * sign * (x + tau_x * y)), around = half * half;
    const L below = decay<real>(two_pi * tau_y * height), above = decay<real>(two_pi * tau_y * away);
    const Phase<L> down = {below * around.re, below * around.im};
    const Phase<L> up = Phase<L>{above * around.re, -above * around.im} * turned_by<real>(L{} + tau_x);
    Phase<L> value = Phase<L>{sign * half.re, -sign * half.im} * Phase<L>{1 - down.re, -down.im};
    for (int n = 0; n < factors; ++n) {
        const Phase<L> q = {L{} + nome[2 * n], L{} + nome[2 * n + 1]},
                       next = {L{} + nome[2 * n + 2], L{} + nome[2 * n + 3]}, a = next * down, b = q * up;
        value = value * Phase<L>{1 - a.re, -a.im} * Phase<L>{1 - b.re, -b.im};
    }
    return value;
}

// exp(i angle) of a harmonic angle on a torus, which winds by 2 pi around one point and by -2 pi around another: the
// phase of theta_1(z - one) / theta_1(z - other), made periodic by a linear function. x, y [site] in units of the
// edges; points [replica, 5]: both points, and the turns of the linear function along y.
template <typename real>
KERNEL wind_phases(real* __restrict__ phases, const real* __restrict__ x, const real* __restrict__ y,
                   const real* __restrict__ points, const real* __restrict__ nome, real tau_x, real tau_y, int factors,
                   int sites, int replicas) {
    const int stretches = (sites + width - 1) / width;
    FOR_EACH (b, stretches * replicas, n, width) {
        const int replica = b / stretches, first = b % stretches * width + n;
        const real* p = points + 5 * replica;
        const auto within = [=](const real* at) {
            const lane<real> f = fraction<real>(first_lanes<real>(sites - first, [=](int l) { return at[first + l]; }));
            return where(f < 0, f + 1, f);
        };
        const lane<real> here = within(x), there = within(y);
        Phase<lane<real>> ratio = theta<real>(here - p[0], there - p[1], tau_x, tau_y, nome, factors) *
                                  conjugate(theta<real>(here - p[2], there - p[3], tau_x, tau_y, nome, factors));
        ratio = ratio * turned_by<real>(p[4] * there);
        const lane<real> size = where(ratio.re < 0, -ratio.re, ratio.re) + where(ratio.im < 0, -ratio.im, ratio.im);
        const auto found = size > 0;  // scaled first: the square of a short number would vanish
        const lane<real> scale = 1 / where(found, size, lane<real>{} + 1);
        const lane<real> re = where(found, scale * ratio.re, lane<real>{} + 1),
                         im = where(found, scale * ratio.im, lane<real>{});
        const lane<real> length = root(re * re + im * im);
        for (int l = 0; l < lanes<real> && first + l < sites; ++l) {
            real* phase = phases + 2 * ((long long)replica * sites + first + l);
            phase[0] = element<real>(re / length, l), phase[1] = element<real>(im / length, l);
        }
    }
}
