/* eq_neon_packed.h - layers with packed weights (eq_packed.h) around one product. NEON.
 *
 * The including file defines first
 *     static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w);
 * acc plus 16 products, spread over the lanes in any way. Blocks of 4 channels, units of 16 weights; the
 * levels become weights in registers, for a tile of pixels at once. The tail of a block holds bias, mult,
 * shift of its channels, 4 int32 each. */
#ifndef EQ_NEON_PACKED_H
#define EQ_NEON_PACKED_H

#include "eq_neon.h"
#include "eq_packed.h"

enum { EQ_P_MOST = 4 };  /* pixels of a tile */

/* Weights t * f - z of 16 levels, which lie -right bits from the lowest. */
static inline int8x16_t eq_p_weights(uint8x16_t v, int32_t right, uint8x16_t mask, int32_t f,
                                     int32_t z)
{
    const uint8x16_t t = vandq_u8(vshlq_u8(v, vdupq_n_s8((int8_t)right)), mask);
    const uint8x16_t product = vmulq_u8(t, vdupq_n_u8((uint8_t)f));
    return vreinterpretq_s8_u8(vsubq_u8(product, vdupq_n_u8((uint8_t)z)));
}

/* Sums of 4 channels for each of n <= EQ_P_MOST pixels, a channel a lane. */
static inline void eq_p_tile(const eq_packed_t *h, const int8_t *const *x, int32_t n,
                             const uint8_t *factors, const uint8_t *levels, int32x4_t *sums)
{
    const int32_t bits = h->bits, times = eq_packed_times(h), zero = eq_packed_zero(h);
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1 << bits) - 1));
    int32x4_t s[EQ_P_MOST][4];
    for (int32_t c = 0; c < 4; c += 2) {
        const uint8_t *m = factors + c;
        int32x4_t a[EQ_P_MOST], b[EQ_P_MOST];
        int32_t bit = c * bits, at = 0; /* of the levels, 8 a vector */
        for (int32_t i = 0; i < n; i++) {
            a[i] = vdupq_n_s32(0);
            b[i] = vdupq_n_s32(0);
        }
        for (int32_t r = 0; r < h->runs; r++, m += 4) {
            const int32_t f0 = times * m[0], z0 = zero * m[0], f1 = times * m[1], z1 = zero * m[1];
            for (int32_t j = 0; j < h->units; j++, bit += 4 * bits, at += 16) {
                const uint8x16_t v = vld1q_u8(levels + bit / 8 * 16);
                const int32_t right = -(bit % 8);
                const int8x16_t u = eq_p_weights(v, right, mask, f0, z0);
                const int8x16_t w = eq_p_weights(v, right - bits, mask, f1, z1);
                for (int32_t i = 0; i < n; i++) {
                    const int8x16_t t = vld1q_s8(x[i] + at);
                    a[i] = mac16(a[i], t, u);
                    b[i] = mac16(b[i], t, w);
                }
            }
        }
        for (int32_t i = 0; i < n; i++) {
            s[i][c] = a[i];
            s[i][c + 1] = b[i];
        }
    }
    for (int32_t i = 0; i < n; i++) {
        sums[i] = eq_neon_sums(s[i][0], s[i][1], s[i][2], s[i][3]);
    }
}

/* 4 channels of n pixels in the lower half of each y; returns what follows their block. */
static inline const int8_t *eq_p_block(const eq_packed_t *h, const int8_t *const *x, int32_t n,
                                       const int8_t *block, eq_neon_range_t range, int8x8_t *y)
{
    const int8_t *levels = block + eq_packed_factors(h);
    const int8_t *tail = levels + (h->runs * h->units * 4 * h->bits + 7) / 8 * 16;
    const int32_t *tables = (const int32_t *)(const void *)tail;
    const int32x4_t bias = vld1q_s32(tables), mult = vld1q_s32(tables + 4);
    const int32x4_t shift = vld1q_s32(tables + 8);
    int32x4_t sums[EQ_P_MOST];
    eq_p_tile(h, x, n, (const uint8_t *)block, (const uint8_t *)levels, sums);
    for (int32_t i = 0; i < n; i++) {
        const int16x4_t z = eq_neon_requant(vaddq_s32(sums[i], bias), mult, shift);
        y[i] = eq_neon_finish(vcombine_s16(z, z), range);
    }
    return tail + h->tail;
}

#endif
