// Complex numbers and the short transforms that longer ones are made of, for CPU (convolution.hpp) and GPU
// (fourier.cuh).
#pragma once
#include "portable.cuh"

namespace convolution {

template <typename V>
struct wave {
    V re, im;
};
template <typename V>
DEVICE wave<V> operator+(wave<V> a, wave<V> b) {
    return {a.re + b.re, a.im + b.im};
}
template <typename V>
DEVICE wave<V> operator-(wave<V> a, wave<V> b) {
    return {a.re - b.re, a.im - b.im};
}
template <typename R, typename V>
DEVICE wave<V> scaled(R c, wave<V> a) {
    return {c * a.re, c * a.im};
}
template <int sign, typename V>
DEVICE wave<V> turned(wave<V> a) {  // times sign * i
    return sign > 0 ? wave<V>{-a.im, a.re} : wave<V>{a.im, -a.re};
}

// the roots of unity exp(-2 pi i k / n), k < n, of one axis, conjugated for the way back
template <typename real, int sign>
struct Roots {
    const real* at;
    int n;
    DEVICE real cosine(int k) const { return at[2 * k]; }
    DEVICE real sine(int k) const { return sign < 0 ? at[2 * k + 1] : -at[2 * k + 1]; }
    template <typename V>
    DEVICE wave<V> times(int k, wave<V> a) const {
        const real c = cosine(k), s = sine(k);
        return {c * a.re - s * a.im, c * a.im + s * a.re};
    }
};

// sum_k a_k exp(sign 2 pi i t k / p) for p = 2, 3, 4, 5, 7
template <int sign, typename real, typename V>
DEVICE void butterfly(wave<V> (&a)[2]) {
    const auto d = a[0] - a[1];
    a[0] = a[0] + a[1], a[1] = d;
}
template <int sign, typename real, typename V>
DEVICE void butterfly(wave<V> (&a)[3]) {
    const auto sum = a[1] + a[2], middle = a[0] - scaled(real(0.5), sum);
    const auto side = turned<sign>(scaled(real(0.86602540378443864676), a[1] - a[2]));
    a[0] = a[0] + sum, a[1] = middle + side, a[2] = middle - side;
}
template <int sign, typename real, typename V>
DEVICE void butterfly(wave<V> (&a)[4]) {
    const auto even = a[0] + a[2], odd = a[1] + a[3], low = a[0] - a[2], high = turned<sign>(a[1] - a[3]);
    a[0] = even + odd, a[1] = low + high, a[2] = even - odd, a[3] = low - high;
}
template <int sign, typename real, typename V>
DEVICE void butterfly(wave<V> (&a)[5]) {
    constexpr real c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
    constexpr real s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
    const auto p1 = a[1] + a[4], p2 = a[2] + a[3], m1 = a[1] - a[4], m2 = a[2] - a[3];
    const auto x1 = a[0] + scaled(c1, p1) + scaled(c2, p2), x2 = a[0] + scaled(c2, p1) + scaled(c1, p2);
    const auto y1 = turned<sign>(scaled(s1, m1) + scaled(s2, m2)), y2 = turned<sign>(scaled(s2, m1) - scaled(s1, m2));
    a[0] = a[0] + p1 + p2, a[1] = x1 + y1, a[4] = x1 - y1, a[2] = x2 + y2, a[3] = x2 - y2;
}
template <int sign, typename real, typename V>
DEVICE void butterfly(wave<V> (&a)[7]) {
    constexpr real c[4] = {1, 0.62348980185873353053, -0.22252093395631440429, -0.90096886790241912624};
    constexpr real s[4] = {0, 0.78183148246802980871, 0.97492791218182360702, 0.43388373911755812048};
    const wave<V> plus[4] = {a[0], a[1] + a[6], a[2] + a[5], a[3] + a[4]};
    const wave<V> minus[4] = {a[0], a[1] - a[6], a[2] - a[5], a[3] - a[4]};
    const auto along = [&](int c1, int c2, int c3) {
        return plus[0] + scaled(c[c1], plus[1]) + scaled(c[c2], plus[2]) + scaled(c[c3], plus[3]);
    };
    const auto x1 = along(1, 2, 3), x2 = along(2, 3, 1), x3 = along(3, 1, 2);
    const auto y1 = turned<sign>(scaled(s[1], minus[1]) + scaled(s[2], minus[2]) + scaled(s[3], minus[3]));
    const auto y2 = turned<sign>(scaled(s[2], minus[1]) - scaled(s[3], minus[2]) - scaled(s[1], minus[3]));
    const auto y3 = turned<sign>(scaled(s[3], minus[1]) - scaled(s[1], minus[2]) + scaled(s[2], minus[3]));
    a[0] = a[0] + plus[1] + plus[2] + plus[3];
    a[1] = x1 + y1, a[6] = x1 - y1, a[2] = x2 + y2, a[5] = x2 - y2, a[3] = x3 + y3, a[4] = x3 - y3;
}

}  // namespace convolution
