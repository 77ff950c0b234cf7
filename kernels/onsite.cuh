// Terms of one site: Zeeman energy, quadratic, fourth-order uniaxial and cubic anisotropy.
#pragma once
#include "vector.cuh"

constexpr int onsite_width = 24;  // moment, A (3x3), K4, its axis, Kc, cube axes (3x3): ONSITE in hamiltonian.py

// Adds -dE/ds of the site to the field b and returns its energy E. B is mu_B times the field, in meV.
//     E = - m B.s - s.A s - K4 (s.n)^4 + Kc (x^2 y^2 + y^2 z^2 + z^2 x^2)
// order 0: Zeeman only; 1: and quadratic; 2: everything
template <typename real>
DEVICE lane<real> onsite(const real* p, int order, vec<lane<real>> B, vec<lane<real>> s, vec<lane<real>>& b) {
    b = b + p[0] * B;
    lane<real> energy = -p[0] * dot(B, s);
    if (order >= 1) {
        const auto As = apply(p + 1, s);
        b = b + real(2) * As;
        energy = energy - dot(s, As);
    }
    if (order >= 2) {
        const lane<real> c = p[11] * s.x + p[12] * s.y + p[13] * s.z, c2 = c * c;
        const lane<real> slope = real(4) * p[10] * c * c2;
        b = b + vec<lane<real>>{slope * p[11], slope * p[12], slope * p[13]};
        energy = energy - p[10] * c2 * c2;

        const auto u = apply(p + 15, s);
        const lane<real> xx = u.x * u.x, yy = u.y * u.y, zz = u.z * u.z;
        const lane<real> fx = -2 * p[14] * u.x * (yy + zz), fy = -2 * p[14] * u.y * (zz + xx),
                         fz = -2 * p[14] * u.z * (xx + yy);
        b = b + vec<lane<real>>{p[15] * fx + p[18] * fy + p[21] * fz, p[16] * fx + p[19] * fy + p[22] * fz,
                                p[17] * fx + p[20] * fy + p[23] * fz};
        energy = energy + p[14] * (xx * yy + yy * zz + zz * xx);
    }
    return energy;
}

// How the on-site field changes with the spin: its derivative at s along v.
template <typename real>
DEVICE vec<lane<real>> onsite_change(const real* p, int order, vec<lane<real>> s, vec<lane<real>> v) {
    vec<lane<real>> change{};
    if (order >= 1) change = real(2) * apply(p + 1, v);
    if (order >= 2) {
        const lane<real> c = p[11] * s.x + p[12] * s.y + p[13] * s.z, dc = p[11] * v.x + p[12] * v.y + p[13] * v.z;
        const lane<real> slope = real(12) * p[10] * c * c * dc;
        change = change + vec<lane<real>>{slope * p[11], slope * p[12], slope * p[13]};

        const auto u = apply(p + 15, s), w = apply(p + 15, v);
        const lane<real> xx = u.x * u.x, yy = u.y * u.y, zz = u.z * u.z, uw = dot(u, w);
        const lane<real> fx = -2 * p[14] * (w.x * (yy + zz) + 2 * u.x * (uw - u.x * w.x)),
                         fy = -2 * p[14] * (w.y * (zz + xx) + 2 * u.y * (uw - u.y * w.y)),
                         fz = -2 * p[14] * (w.z * (xx + yy) + 2 * u.z * (uw - u.z * w.z));
        change = change + vec<lane<real>>{p[15] * fx + p[18] * fy + p[21] * fz, p[16] * fx + p[19] * fy + p[22] * fz,
                                          p[17] * fx + p[20] * fy + p[23] * fz};
    }
    return change;
}
