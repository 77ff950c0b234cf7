// Random numbers for operators, whose textures are [replica, site, 3]: neighbouring threads, or lanes, are sites.
#pragma once
#include "elementary.cuh"
#include "philox.cuh"

// Independent standard normal numbers, noise [replica, site, 3], from pairs of uniform ones: Box & Muller, Ann. Math.
// Stat. 29, 610 (1958). They depend on the key and on site, `number` [replica] and `call`.
template <typename real>
KERNEL draw_normals(real* __restrict__ noise, const uint32* __restrict__ number, uint32 call, uint32 key0, uint32 key1,
                    int sites, int replicas) {
    FOR_EACH (k, replicas, i, sites) {
        const word<real> zero{}, site = zero + (uint32)i + lane_numbers<real>();
        const Four<word<real>> random =
            philox(Four<word<real>>{{site, zero + number[k], zero + call, zero}}, key0, key1);
        vec<lane<real>> drawn;
        lane<real> cosine, sine;
        turn<real>(uniform<real>(random.v[1]) - real(0.5), cosine, sine);
        const lane<real> radius = root(-2 * logarithm<real>(uniform<real>(random.v[0])));
        drawn.x = radius * cosine, drawn.y = radius * sine;
        turn<real>(uniform<real>(random.v[3]) - real(0.5), cosine, sine);
        drawn.z = root(-2 * logarithm<real>(uniform<real>(random.v[2]))) * cosine;
        real* here = noise + ((long long)k * sites + i) * 3;
        for (int n = 0; n < lanes<real> && i + n < sites; ++n) {
            here[3 * n] = element<real>(drawn.x, n);
            here[3 * n + 1] = element<real>(drawn.y, n);
            here[3 * n + 2] = element<real>(drawn.z, n);
        }
    }
}
