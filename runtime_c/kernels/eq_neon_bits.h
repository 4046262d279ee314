/* eq_neon_bits.h - products of signs and 1-bit weights (eq_bits.h), 128 at a time. NEON: CNT.
 *
 * Blocks of 4 channels: d * |w|, bias, mult, shift, 4 int32 each, then for every 4 pairs of a pixel a
 * vector a channel. */
#ifndef EQ_NEON_BITS_H
#define EQ_NEON_BITS_H

#define EQ_NEON_LEFT 1
#include "eq_bits.h"
#include "eq_neon.h"

enum { EQ_BITS_BYTES = 31 };  /* vectors whose counts of at most 8 a byte hold */

/* Sums of the bytes of counts, added to sums. */
static inline uint32x4_t eq_bits_add(uint32x4_t sums, uint8x16_t counts)
{
    return vpadalq_u16(sums, vpaddlq_u8(counts));
}

/* The n pairs of a pixel as (n + 3) / 4 vectors of s and of v, alternating; reads whole groups of 4 pairs.
 * Returns how many values are not 0. */
static inline int32_t eq_bits_gather(const uint32_t *from, int32_t n, uint32_t *to)
{
    static const uint32_t first[8] = {~0u, ~0u, ~0u, ~0u, 0, 0, 0, 0};
    uint32x4_t sums = vdupq_n_u32(0);
    for (; n > 0; n -= 4, from += 8, to += 8) {
        const uint32x4x2_t x = vld2q_u32(from);
        const uint32x4_t v = vandq_u32(x.val[1], vld1q_u32(first + 4 - (n < 4 ? n : 4)));
        vst1q_u32(to, x.val[0]);
        vst1q_u32(to + 4, v);
        sums = eq_bits_add(sums, vcntq_u8(vreinterpretq_u8_u32(v)));
    }
    const int32x4_t s = vreinterpretq_s32_u32(sums);
    return vgetq_lane_s32(eq_neon_sums(s, s, s, s), 0);
}

/* 4 channels of a pixel in the lower half of y; returns what follows their block. */
static inline const uint32_t *eq_bits_block(const uint32_t *x, int32_t vectors, int32_t values,
                                            const uint32_t *block, eq_neon_range_t range,
                                            int8x8_t *y)
{
    const int32_t *tables = (const int32_t *)(const void *)block;
    const uint32_t *w = block + 16;
    uint32x4_t sums[4];
    for (int32_t c = 0; c < 4; c++) {
        sums[c] = vdupq_n_u32(0);
    }
    while (vectors > 0) {
        uint8x16_t a = vdupq_n_u8(0), b = a, c = a, d = a;
        int32_t n = vectors < EQ_BITS_BYTES ? vectors : EQ_BITS_BYTES;
        vectors -= n;
        for (; n > 0; n--, x += 8, w += 16) {
            const uint32x4_t s = vld1q_u32(x), v = vld1q_u32(x + 4);
            const uint32x4_t p = vandq_u32(veorq_u32(s, vld1q_u32(w)), v);
            const uint32x4_t q = vandq_u32(veorq_u32(s, vld1q_u32(w + 4)), v);
            const uint32x4_t r = vandq_u32(veorq_u32(s, vld1q_u32(w + 8)), v);
            const uint32x4_t t = vandq_u32(veorq_u32(s, vld1q_u32(w + 12)), v);
            a = vaddq_u8(a, vcntq_u8(vreinterpretq_u8_u32(p)));
            b = vaddq_u8(b, vcntq_u8(vreinterpretq_u8_u32(q)));
            c = vaddq_u8(c, vcntq_u8(vreinterpretq_u8_u32(r)));
            d = vaddq_u8(d, vcntq_u8(vreinterpretq_u8_u32(t)));
        }
        sums[0] = eq_bits_add(sums[0], a);
        sums[1] = eq_bits_add(sums[1], b);
        sums[2] = eq_bits_add(sums[2], c);
        sums[3] = eq_bits_add(sums[3], d);
    }
    const int32x4_t negative = eq_neon_sums(
        vreinterpretq_s32_u32(sums[0]), vreinterpretq_s32_u32(sums[1]),
        vreinterpretq_s32_u32(sums[2]), vreinterpretq_s32_u32(sums[3]));
    const int32x4_t sum = vsubq_s32(vdupq_n_s32(values), vaddq_s32(negative, negative));
    const int32x4_t acc = vmlaq_s32(vld1q_s32(tables + 4), sum, vld1q_s32(tables));
    const int16x4_t z = eq_neon_requant(acc, vld1q_s32(tables + 8), vld1q_s32(tables + 12));
    *y = eq_neon_finish(vcombine_s16(z, z), range);
    return w;
}

/* All channels of a pixel whose n pairs are at `from`; `x` takes its vectors. */
static inline void eq_bits_pixel(const uint32_t *from, int32_t n, uint32_t *x,
                                 const int8_t *weights, int32_t out_c, eq_neon_range_t range,
                                 int8_t *out)
{
    const uint32_t *block = (const uint32_t *)(const void *)weights;
    const int32_t values = eq_bits_gather(from, n, x), vectors = (n + 3) >> 2;
    for (int32_t oc = 0; oc < out_c; oc += 4) {
        const int32_t left = out_c - oc;
        int8x8_t y;
        block = eq_bits_block(x, vectors, values, block, range, &y);
        eq_neon_store(out + oc, y, left < 4 ? left : 4);
    }
}

#endif
