// Random numbers of the normal distribution.
#pragma once
#include "elementary.cuh"
#include "philox.cuh"

// Three independent standard normal numbers for each lane, from two pairs of uniform ones: Box & Muller, Ann. Math.
// Stat. 29, 610 (1958). The counter is (site, replica, call, 0).
template <typename real>
DEVICE vec<lane<real>> normal(word<real> site, word<real> replica, word<real> call, uint32 key0, uint32 key1) {
    const Four<word<real>> random = philox(Four<word<real>>{{site, replica, call, word<real>{}}}, key0, key1);
    const lane<real> one = root(-2 * logarithm<real>(uniform<real>(random.v[0])));
    const lane<real> other = root(-2 * logarithm<real>(uniform<real>(random.v[2])));
    lane<real> cosine, sine, cosine2, sine2;
    turn<real>(uniform<real>(random.v[1]) - real(0.5), cosine, sine);
    turn<real>(uniform<real>(random.v[3]) - real(0.5), cosine2, sine2);
    return {one * cosine, one * sine, other * cosine2};
}

// noise [replica, site, 3] for operators, whose textures are laid out so: neighbouring threads, or lanes, are sites.
// The grid counts stretches of `width` sites along x, since y ends at 65535 blocks; `number` [replica].
template <typename real>
KERNEL draw_normals(real* __restrict__ noise, const uint32* __restrict__ number, uint32 call, uint32 key0, uint32 key1,
                    int sites, int replicas) {
    const int stretches = (sites + width - 1) / width;
    FOR_EACH (b, stretches * replicas, n, width) {
        const int k = b / stretches, i = b % stretches * width + n;
        const word<real> zero{}, site = zero + (uint32)i + lane_numbers<real>();
        const auto drawn = normal<real>(site, zero + number[k], zero + call, key0, key1);
        store_sites(noise + (long long)k * sites * 3, i, sites, drawn);
    }
}
