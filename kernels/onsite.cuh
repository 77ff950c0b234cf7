// Terms of one site: Zeeman energy, quadratic, uniaxial and cubic anisotropy, and forms of fourth and sixth order.
//     E = - m B.s - s.A s - sum K4 (s.n)^4 + sum Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) + P4(s) + P6(s)
#pragma once
#include "vector.cuh"

// On-site parameters: a header, which says whether A is anything but zero and counts the entries of a row; then a row
// for each kind of site: the moment and A (3x3), the uniaxial entries, the cubic ones, and at most one form of fourth
// and of sixth order. Python reads these names from here.
enum OnsiteHeader { HAS_QUADRATIC, N_AXIAL, N_CUBIC, N_QUARTIC, N_SEXTIC, HEADER };
enum OnsiteRow { MOMENT, QUADRATIC, ENTRIES = QUADRATIC + 9 };
enum AxialEntry { AXIAL_K4, AXIAL_AXIS, AXIAL_WIDTH = AXIAL_AXIS + 3 };
enum CubicEntry { CUBIC_KC, CUBIC_AXES, CUBIC_WIDTH = CUBIC_AXES + 9 };
// coefficients of x^a y^b z^c, a descending, then b descending
enum QuarticEntry { QUARTIC_WIDTH = 15 };
enum SexticEntry { SEXTIC_WIDTH = 28 };

// The on-site parameters of every site: row kind[site] of the table.
template <typename real>
struct Onsite {
    const int* kind;
    const real* table;
    int quadratic = (int)table[HAS_QUADRATIC], axial = (int)table[N_AXIAL], cubic = (int)table[N_CUBIC];
    int quartic = (int)table[N_QUARTIC], sextic = (int)table[N_SEXTIC], entries = axial + cubic + quartic + sextic;
    int stride = ENTRIES + axial * AXIAL_WIDTH + cubic * CUBIC_WIDTH + quartic * QUARTIC_WIDTH + sextic * SEXTIC_WIDTH;

    DEVICE const real* row(int site) const { return table + HEADER + stride * kind[site]; }
    DEVICE bool linear() const { return quadratic + entries == 0; }
};

// A homogeneous form, its gradient, and the change of the gradient along a vector v, by Horner's rule in x and y.
template <typename real, int degree>
struct Form {
    lane<real> value{};
    vec<lane<real>> gradient{}, change{};

    // `moving`: whether `change` is wanted
    template <bool moving>
    DEVICE static Form of(const real* c, const vec<lane<real>>& s, const vec<lane<real>>& v) {
        Form p;
        NO_UNROLL for (int m = 0; m <= degree; ++m) {  // q, of degree m in y and z, times x^(degree - m)
            lane<real> q{}, qy{}, qz{}, dy{}, dz{}, before{}, low{}, power = q + 1;  // powers j - 2, j - 1 and j of z
            NO_UNROLL for (int j = 0; j <= m; ++j, ++c) {
                const lane<real> slope = real(j) * *c * low;
                if (moving) {
                    dy = dy * s.y + 2 * qy * v.y + qz * v.z;  // qy along v, before qy and qz are those of this step
                    dz = dz * s.y + qz * v.y + real(j * (j - 1)) * *c * before * v.z;
                }
                qy = qy * s.y + q;
                qz = qz * s.y + slope;
                q = q * s.y + *c * power;
                before = low, low = power, power = power * s.z;
            }
            if (moving) {
                const auto along = p.gradient.x * v.x + p.gradient.y * v.y + p.gradient.z * v.z;
                p.change.x = p.change.x * s.x + p.gradient.x * v.x + along;
                p.change.y = p.change.y * s.x + p.gradient.y * v.x + dy;
                p.change.z = p.change.z * s.x + p.gradient.z * v.x + dz;
            }
            p.gradient.x = p.gradient.x * s.x + p.value;
            p.gradient.y = p.gradient.y * s.x + qy;
            p.gradient.z = p.gradient.z * s.x + qz;
            p.value = p.value * s.x + q;
        }
        return p;
    }
};

// Adds the terms of higher order to the field b and to the energy of the site. Few models have any: COLD keeps them out
// of the way of the others.
template <typename real>
COLD void onsite_higher(const Onsite<real>& terms, const real* entry, const vec<lane<real>>& s, vec<lane<real>>& b,
                        lane<real>& energy) {
    NO_UNROLL for (int k = 0; k < terms.axial; ++k, entry += AXIAL_WIDTH) {
        const real K4 = entry[AXIAL_K4], *n = entry + AXIAL_AXIS;
        const lane<real> c = n[0] * s.x + n[1] * s.y + n[2] * s.z, c2 = c * c;
        const lane<real> slope = real(4) * K4 * c * c2;
        b = b + vec<lane<real>>{slope * n[0], slope * n[1], slope * n[2]};
        energy = energy - K4 * c2 * c2;
    }
    NO_UNROLL for (int k = 0; k < terms.cubic; ++k, entry += CUBIC_WIDTH) {
        const real Kc = entry[CUBIC_KC], *a = entry + CUBIC_AXES;
        const auto u = apply(a, s);
        const lane<real> xx = u.x * u.x, yy = u.y * u.y, zz = u.z * u.z;
        const lane<real> fx = -2 * Kc * u.x * (yy + zz), fy = -2 * Kc * u.y * (zz + xx), fz = -2 * Kc * u.z * (xx + yy);
        b = b + vec<lane<real>>{a[0] * fx + a[3] * fy + a[6] * fz, a[1] * fx + a[4] * fy + a[7] * fz,
                                a[2] * fx + a[5] * fy + a[8] * fz};
        energy = energy + Kc * (xx * yy + yy * zz + zz * xx);
    }
    if (terms.quartic) {
        const auto p = Form<real, 4>::template of<false>(entry, s, s);
        b = b - p.gradient, energy = energy + p.value, entry += QUARTIC_WIDTH;
    }
    if (terms.sextic) {
        const auto p = Form<real, 6>::template of<false>(entry, s, s);
        b = b - p.gradient, energy = energy + p.value;
    }
}

// Adds -dE/ds of the site to the field b and returns its energy E. p is the row of the site; B is mu_B times the
// magnetic field, in meV.
template <typename real>
DEVICE lane<real> onsite(const Onsite<real>& terms, const real* p, vec<lane<real>> B, vec<lane<real>> s,
                         vec<lane<real>>& b) {
    b = b + p[MOMENT] * B;
    lane<real> energy = -p[MOMENT] * dot(B, s);
    if (terms.quadratic) {
        const auto As = apply(p + QUADRATIC, s);
        b = b + real(2) * As;
        energy = energy - dot(s, As);
    }
    if (terms.entries) {
        auto more = b;
        lane<real> sum = energy;
        onsite_higher(terms, p + ENTRIES, s, more, sum);
        b = more, energy = sum;
    }
    return energy;
}

// The derivative of the on-site field along v, at s.
template <typename real>
DEVICE vec<lane<real>> onsite_change(const Onsite<real>& terms, const real* p, vec<lane<real>> s, vec<lane<real>> v) {
    vec<lane<real>> change{};
    if (terms.quadratic) change = real(2) * apply(p + QUADRATIC, v);
    if (terms.entries == 0) return change;
    const real* entry = p + ENTRIES;
    NO_UNROLL for (int k = 0; k < terms.axial; ++k, entry += AXIAL_WIDTH) {
        const real K4 = entry[AXIAL_K4], *n = entry + AXIAL_AXIS;
        const lane<real> c = n[0] * s.x + n[1] * s.y + n[2] * s.z, dc = n[0] * v.x + n[1] * v.y + n[2] * v.z;
        const lane<real> slope = real(12) * K4 * c * c * dc;
        change = change + vec<lane<real>>{slope * n[0], slope * n[1], slope * n[2]};
    }
    NO_UNROLL for (int k = 0; k < terms.cubic; ++k, entry += CUBIC_WIDTH) {
        const real Kc = entry[CUBIC_KC], *a = entry + CUBIC_AXES;
        const auto u = apply(a, s), w = apply(a, v);
        const lane<real> xx = u.x * u.x, yy = u.y * u.y, zz = u.z * u.z, uw = dot(u, w);
        const lane<real> fx = -2 * Kc * (w.x * (yy + zz) + 2 * u.x * (uw - u.x * w.x)),
                         fy = -2 * Kc * (w.y * (zz + xx) + 2 * u.y * (uw - u.y * w.y)),
                         fz = -2 * Kc * (w.z * (xx + yy) + 2 * u.z * (uw - u.z * w.z));
        change = change + vec<lane<real>>{a[0] * fx + a[3] * fy + a[6] * fz, a[1] * fx + a[4] * fy + a[7] * fz,
                                          a[2] * fx + a[5] * fy + a[8] * fz};
    }
    if (terms.quartic) {
        change = change - Form<real, 4>::template of<true>(entry, s, v).change;
        entry += QUARTIC_WIDTH;
    }
    if (terms.sextic) change = change - Form<real, 6>::template of<true>(entry, s, v).change;
    return change;
}
