// Three components of a spin, for one replica or one register of replicas.
#pragma once
#include "portable.cuh"

template <typename L>
struct vec {
    L x, y, z;
};

template <typename L>
DEVICE vec<L> operator+(vec<L> a, vec<L> b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}
template <typename L>
DEVICE vec<L> operator-(vec<L> a, vec<L> b) {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}
template <typename C, typename L>
DEVICE vec<L> operator*(C c, vec<L> a) {
    return {c * a.x, c * a.y, c * a.z};
}
template <typename L>
DEVICE L dot(vec<L> a, vec<L> b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <typename L>
DEVICE vec<L> cross(vec<L> a, vec<L> b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <typename L>
DEVICE vec<L> tangent(vec<L> v, vec<L> s) {
    return v - dot(v, s) * s;
}

// back onto the sphere; a vacancy (s = 0) stays where it is
template <typename L>
DEVICE vec<L> unit(vec<L> a) {
    const L square = dot(a, a);
    return where(square > 0, inverse_root(square + (square > 0 ? L{} : L{} + 1)), L{}) * a;
}
template <typename M, typename L>
DEVICE vec<L> where(M yes, vec<L> a, vec<L> b) {
    return {where(yes, a.x, b.x), where(yes, a.y, b.y), where(yes, a.z, b.z)};
}

template <typename real>
DEVICE vec<lane<real>> load3(const real* p) {
    return {load(p), load(p + width), load(p + 2 * width)};
}
template <typename real>
DEVICE void store3(real* p, vec<lane<real>> v) {
    store<real>(p, v.x), store<real>(p + width, v.y), store<real>(p + 2 * width, v.z);
}

// 3x3 matrix (row-major, the same for all replicas) times vector
template <typename real>
DEVICE vec<lane<real>> apply(const real* J, vec<lane<real>> s) {
    return {J[0] * s.x + J[1] * s.y + J[2] * s.z, J[3] * s.x + J[4] * s.y + J[5] * s.z,
            J[6] * s.x + J[7] * s.y + J[8] * s.z};
}

// the spins of a texture [site, 3] from site i on, a lane for each; zero beyond the last, which store_sites leaves out
template <typename real>
DEVICE vec<lane<real>> load_sites(const real* texture, int i, int sites) {
    const auto component = [=](int a) {
        return first_lanes<real>(sites - i, [=](int l) { return texture[3 * (i + l) + a]; });
    };
    return {component(0), component(1), component(2)};
}
template <typename real>
DEVICE void store_sites(real* texture, int i, int sites, vec<lane<real>> v) {
    for (int l = 0; l < lanes<real> && i + l < sites; ++l) {
        texture[3 * (i + l)] = element<real>(v.x, l);
        texture[3 * (i + l) + 1] = element<real>(v.y, l);
        texture[3 * (i + l) + 2] = element<real>(v.z, l);
    }
}
