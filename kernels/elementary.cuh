// Vectorised elementary functions: Taylor series after a reduction of the argument; for the angle in single precision,
// the polynomial of atanf in S. L. Moshier's Cephes library. Errors are those of the last digit or two;
// tests/test_elementary.py holds the bounds.
#pragma once
#include "portable.cuh"

// c0 + x (c1 + x (c2 + ...))
template <typename real, typename L>
DEVICE L horner(L, double c) {
    return L{} + real(c);
}
template <typename real, typename L, typename... Rest>
DEVICE L horner(L x, double c, Rest... rest) {
    return real(c) + x * horner<real>(x, rest...);
}

// What is added to a number to round it: its last bits are then the nearest whole number.
template <typename real>
constexpr real shift = sizeof(real) == 4 ? real(12582912.0) : real(6755399441055744.0);  // 1.5 * 2^mantissa
template <typename real>
constexpr int mantissa = sizeof(real) == 4 ? 23 : 52;

// n in the place of the exponent; bits that leave on the left are lost
template <typename real>
DEVICE whole<real> raised(whole<real> n) {
    return (whole<real>)((typename twin<real>::bits)n << mantissa<real>);
}

// exp(-x) for x >= 0; what is smaller than a normal number comes out as the smallest, 1e-38 or 1e-308 or so
template <typename real>
DEVICE lane<real> decay(lane<real> x) {
    constexpr real most = sizeof(real) == 4 ? real(87) : real(708);
    constexpr double high = sizeof(real) == 4 ? 0.693359375 : 0.693147180369123816490;  // of ln 2, in few bits
    constexpr double low = sizeof(real) == 4 ? -2.12194440054690583e-4 : 1.90821492927058770002e-10;
    const lane<real> cut = where(x < most, x, lane<real>{} + most);
    const lane<real> shifted = cut * real(1.44269504088896340736) + shift<real>, n = shifted - shift<real>;
    const lane<real> r = n * real(high) - cut + n * real(low);  // |r| < ln 2 / 2
    lane<real> p;
    if constexpr (sizeof(real) == 4)
        p = horner<real>(r, 1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040);
    else
        p = horner<real>(r, 1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880,
                         1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800);
    return as_real<real>(as_whole<real>(p) - raised<real>(as_whole<real>(shifted)));  // p / 2^n
}

// ln x for a positive normal x
template <typename real>
DEVICE lane<real> logarithm(lane<real> x) {
    const whole<real> bits = as_whole<real>(x);
    const whole<real> half = as_whole<real>(lane<real>{} + real(0.70710678118654752440));
    const whole<real> exponent = (bits - half) >> mantissa<real>;
    const lane<real> m = as_real<real>(bits - raised<real>(exponent));  // x / 2^exponent, from sqrt(1/2) to sqrt(2)
    const lane<real> e = as_real<real>(as_whole<real>(lane<real>{} + shift<real>) + exponent) - shift<real>;
    const lane<real> s = (m - 1) / (m + 1), ss = s * s;  // ln m = 2 artanh s
    lane<real> p;
    if constexpr (sizeof(real) == 4)
        p = horner<real>(ss, 2, 2. / 3, 2. / 5, 2. / 7, 2. / 9);
    else
        p = horner<real>(ss, 2, 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21);
    return e * real(0.69314718055994530942) + s * p;
}

// cosine and sine of 2 pi x for |x| <= 1/2, from those of the half angle
template <typename real>
DEVICE void turn(lane<real> x, lane<real>& cosine, lane<real>& sine) {
    const lane<real> t = real(3.14159265358979323846) * x, tt = -t * t;
    lane<real> s, c;
    if constexpr (sizeof(real) == 4) {
        s = horner<real>(tt, 1, 1. / 6, 1. / 120, 1. / 5040, 1. / 362880, 1. / 39916800, 1. / 6227020800);
        c = horner<real>(tt, 1, 1. / 2, 1. / 24, 1. / 720, 1. / 40320, 1. / 3628800, 1. / 479001600);
    } else {
        s = horner<real>(tt, 1, 1. / 6, 1. / 120, 1. / 5040, 1. / 362880, 1. / 39916800, 1. / 6227020800,
                         1. / 1307674368000, 1. / 355687428096000, 1. / 121645100408832000, 1. / 51090942171709440000.);
        c = horner<real>(tt, 1, 1. / 2, 1. / 24, 1. / 720, 1. / 40320, 1. / 3628800, 1. / 479001600, 1. / 87178291200,
                         1. / 20922789888000, 1. / 6402373705728000, 1. / 2432902008176640000);
    }
    s = t * s;
    cosine = 1 - 2 * s * s;
    sine = 2 * s * c;
}

// |v|: the bit of the sign leaves on the left
template <typename real>
DEVICE lane<real> magnitude(lane<real> v) {
    using bits = typename twin<real>::bits;
    return as_real<real>((whole<real>)((bits)as_whole<real>(v) << 1 >> 1));
}

// the angle between the x axis and (x, y), -pi to pi; 0 where both are 0
template <typename real>
DEVICE lane<real> angle(lane<real> y, lane<real> x) {
    const lane<real> across = magnitude<real>(y), along = magnitude<real>(x);
    const auto steep = across > along;
    const lane<real> low = where(steep, along, across), high = where(steep, across, along);
    const auto wide = low > real(0.41421356237309504880) * high;  // beyond pi / 8, turned back by pi / 4
    const lane<real> down = where(wide, low + high, high),
                     t = where(wide, low - high, low) / where(down > 0, down, down + 1);
    const lane<real> tt = -t * t;
    lane<real> p;
    if constexpr (sizeof(real) == 4)
        p = horner<real>(tt, 1, 3.33329491539e-1, 1.99777106478e-1, 1.38776856032e-1, 8.05374449538e-2);
    else
        p = horner<real>(tt, 1, 1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11, 1. / 13, 1. / 15, 1. / 17, 1. / 19, 1. / 21,
                         1. / 23, 1. / 25, 1. / 27, 1. / 29, 1. / 31, 1. / 33, 1. / 35, 1. / 37, 1. / 39, 1. / 41);
    const lane<real> octant = t * p + where(wide, lane<real>{} + real(0.78539816339744830962), lane<real>{});
    const lane<real> quadrant = where(steep, real(1.57079632679489661923) - octant, octant);
    const lane<real> half = where(x < 0, real(3.14159265358979323846) - quadrant, quadrant);
    return where(y < 0, -half, half);
}
