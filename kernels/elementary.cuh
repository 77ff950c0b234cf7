// Vectorised elementary functions: Taylor series after a reduction of the
// argument. Errors are those of the last digit or two; tests/test_elementary.py holds the bounds.
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
    return as_real<real>(as_whole<real>(p) - shifted_left<real>(as_whole<real>(shifted), mantissa<real>));  // p / 2^n
}

// ln x for a positive normal x
template <typename real>
DEVICE lane<real> logarithm(lane<real> x) {
    const whole<real> bits = as_whole<real>(x);
    const whole<real> half = as_whole<real>(lane<real>{} + real(0.70710678118654752440));
    const whole<real> exponent = (bits - half) >> mantissa<real>;
    // x / 2^exponent, from sqrt(1/2) to sqrt(2)
    const lane<real> m = as_real<real>(bits - shifted_left<real>(exponent, mantissa<real>));
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
