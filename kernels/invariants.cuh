// Sums over textures by which copies of one are recognised. Textures come as operators and files have them,
// [replica, site, 3], and a lane is a strand of one texture: strand r takes every `width`-th triangle, site or mode,
// from the r-th on. What a texture sums to does not depend on the others.
#pragma once
#include "elementary.cuh"
#include "vector.cuh"

// What is summed, [replica, quantity, strand]. Python reads these names from here.
enum TextureSum {
    SOLID_ANGLE,  // half the solid angles of all triangles
    SHARPEST,     // largest - s_i . s_j of neighbours in triangles
    OCCUPIED,     // sites that carry a spin
    SPIN_X,       // all spins
    SPIN_Y,
    SPIN_Z,
    WEIGHT,        // Fourier weights of all modes
    WEIGHED_WAVE,  // and times their wave numbers
    TEXTURE_SUMS
};

// closer than this to its branch point, the tangent of half a solid angle is undefined, and the angle counts as zero
constexpr double exceptional = 1e-4;

template <typename real>
DEVICE vec<lane<real>> corner(const real* texture, const int* sites) {
    return {each_lane<real>([=](int k) { return texture[3 * sites[k]]; }),
            each_lane<real>([=](int k) { return texture[3 * sites[k] + 1]; }),
            each_lane<real>([=](int k) { return texture[3 * sites[k] + 2]; })};
}

// Sums over triangles and sites. corners [3, triangle] are sites; `triangles` is a multiple of `width`, filled up
// with triangles of a single site. Solid angles after Van Oosterom & Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983).
template <typename real>
KERNEL sum_textures(const real* __restrict__ textures, const int* __restrict__ corners, double* __restrict__ sums,
                    int sites, int triangles, int replicas) {
    FOR_EACH (replica, replicas, r, width) {
        const real* s = textures + (long long)replica * sites * 3;
        double* sum = sums + (long long)replica * TEXTURE_SUMS * width + r;
        lane<real> angles{}, sharpest = lane<real>{} - 1, occupied{};
        vec<lane<real>> total{};
        for (int t = r, n = 1; t < triangles; t += width, ++n) {
            const auto a = corner(s, corners + t), b = corner(s, corners + triangles + t),
                       c = corner(s, corners + 2 * triangles + t);
            const lane<real> ab = dot(a, b), bc = dot(b, c), ca = dot(c, a), v = dot(a, cross(b, c)),
                             w = 1 + ab + bc + ca;
            angles = angles + where(v * v + w * w > real(exceptional * exceptional), angle<real>(v, w), lane<real>{});
            sharpest = larger(sharpest, -where(ab < bc, where(ab < ca, ab, ca), where(bc < ca, bc, ca)));
            if (n % 32 == 0) add_to(sum + SOLID_ANGLE * width, angles), angles = lane<real>{};
        }
        for (int i = r, n = 1; i < sites; i += width, ++n) {
            const vec<lane<real>> m = load_sites(s, i, sites);
            total = total + m;
            occupied = occupied + where(dot(m, m) > 0, lane<real>{} + 1, lane<real>{});
            if (n % 32 == 0) {
                add_to(sum + SPIN_X * width, total.x), add_to(sum + SPIN_Y * width, total.y);
                add_to(sum + SPIN_Z * width, total.z);
                total = vec<lane<real>>{};
            }
        }
        add_to(sum + SOLID_ANGLE * width, angles), add_to(sum + SHARPEST * width, sharpest);
        add_to(sum + OCCUPIED * width, occupied), add_to(sum + SPIN_X * width, total.x);
        add_to(sum + SPIN_Y * width, total.y), add_to(sum + SPIN_Z * width, total.z);
    }
}

// The Fourier weight sum_c |modes_c|^2 of every mode. modes [replica, mode, component] complex, half of those of a real
// texture; numbers, copies [place]: wave number, and how often a mode counts. below [replica, 2, place]: minus the
// weights of the modes, and again of those that count twice (the smallest numbers are found faster than the largest);
// `places` is a multiple of `width`, the first of them are modes.
template <typename real>
KERNEL weigh_modes(const real* __restrict__ waves, const real* __restrict__ numbers, const real* __restrict__ copies,
                   real* __restrict__ below, double* __restrict__ sums, int modes, int places, int components,
                   int replicas) {
    FOR_EACH (replica, replicas, r, width) {
        const real* mine = waves + (long long)replica * modes * components * 2;
        real* out = below + (long long)replica * places * 2;
        double* sum = sums + (long long)replica * TEXTURE_SUMS * width + r;
        lane<real> weight{}, wave{};
        for (int q = r, n = 1; q < places; q += width, ++n) {
            lane<real> w{};
            for (int c = 0; c < 2 * components; ++c) {
                const lane<real> v =
                    first_lanes<real>(modes - q, [=](int k) { return mine[(long long)(q + k) * components * 2 + c]; });
                w = w + v * v;
            }
            const lane<real> times = load(copies + q);
            store<real>(out + q, -w), store<real>(out + places + q, -where(times > 1, w, lane<real>{}));
            weight = weight + times * w, wave = wave + times * w * load(numbers + q);
            if (n % 32 == 0) {
                add_to(sum + WEIGHT * width, weight), add_to(sum + WEIGHED_WAVE * width, wave);
                weight = wave = lane<real>{};
            }
        }
        add_to(sum + WEIGHT * width, weight), add_to(sum + WEIGHED_WAVE * width, wave);
    }
}

// Joins the strands of sums [replica, quantity, strand] in a fixed order, into the first of each replica's `columns`.
template <typename real>
KERNEL join_strands(const double* __restrict__ sums, double* __restrict__ joined, int columns, int replicas) {
    FOR_FEW (q, TEXTURE_SUMS, r, replicas)
        for (int k = r; k < r + lanes<real> && k < replicas; ++k) {
            const double* strand = sums + ((long long)k * TEXTURE_SUMS + q) * width;
            double total = strand[0];
            for (int n = 1; n < width; ++n) total = q == SHARPEST ? larger(total, strand[n]) : total + strand[n];
            joined[(long long)k * columns + q] = total;
        }
}
