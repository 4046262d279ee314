/* eq_neon_s16.h - products of 16-bit columns and int8 weights: 2 channels at a time. NEON.
 *
 * weights: one record for every 4 channels, filled up with zeros: two pairs of channels, each (k / 8,
 * 2, 8) int8, then bias[4], mult[4], shift[4] int32. Sums of 32 bits, which the generator proves to be
 * enough; y = round(2^shift * ((2 * sum * mult) >> 32)), shift < 0, see edgeq/kernels/wide.py. */
#ifndef EQ_NEON_S16_H
#define EQ_NEON_S16_H

#include "eq_neon.h"

enum { EQ_S16_MOST = 4 };  /* pixels of a tile */

static inline int32x4_t eq_neon_mac8_s16(int32x4_t acc, int16x8_t x, int16x8_t w)
{
#if defined(__aarch64__)
    return vmlal_high_s16(vmlal_s16(acc, vget_low_s16(x), vget_low_s16(w)), x, w);
#else
    return vmlal_s16(vmlal_s16(acc, vget_low_s16(x), vget_low_s16(w)), vget_high_s16(x),
                     vget_high_s16(w));
#endif
}

/* From sums of 4 channels to their outputs, clamped. */
static inline int16x4_t eq_neon_finish_s16(int32x4_t sum, const int32_t *tables, int stride,
                                           int16x4_t low, int16x4_t high)
{
    const int32x4_t acc = vaddq_s32(sum, vld1q_s32(tables));
    const int32x4_t y = vrshlq_s32(vqdmulhq_s32(acc, vld1q_s32(tables + stride)),
                                   vld1q_s32(tables + 2 * stride));
    return vmin_s16(vmax_s16(vqmovn_s32(y), low), high);
}

/* 4 channels of n <= EQ_S16_MOST columns, k apart; `w` is their record. */
static inline void eq_neon_tile_s16(const int16_t *x, int32_t n, const int8_t *w, int32_t k,
                                    int16x4_t low, int16x4_t high, int16x4_t *y)
{
    int32x4_t s[EQ_S16_MOST][4];
    for (int32_t pair = 0; pair < 4; pair += 2) {
        int32x4_t a[EQ_S16_MOST], b[EQ_S16_MOST];
        for (int32_t i = 0; i < n; i++) {
            a[i] = vdupq_n_s32(0);
            b[i] = vdupq_n_s32(0);
        }
        for (int32_t j = 0; j < k; j += 8, w += 16) {
            const int8x16_t both = vld1q_s8(w);
            const int16x8_t u = vmovl_s8(vget_low_s8(both)), v = vmovl_s8(vget_high_s8(both));
            for (int32_t i = 0; i < n; i++) {
                const int16x8_t t = vld1q_s16(x + i * k + j);
                a[i] = eq_neon_mac8_s16(a[i], t, u);
                b[i] = eq_neon_mac8_s16(b[i], t, v);
            }
        }
        for (int32_t i = 0; i < n; i++) {
            s[i][pair] = a[i];
            s[i][pair + 1] = b[i];
        }
    }
    for (int32_t i = 0; i < n; i++) {
        const int32x4_t sum = eq_neon_sums(s[i][0], s[i][1], s[i][2], s[i][3]);
        y[i] = eq_neon_finish_s16(sum, (const int32_t *)(const void *)w, 4, low, high);
    }
}

/* Writes the first n <= 4 values of v. */
static inline void eq_neon_store_s16(int16_t *dst, int16x4_t v, int32_t n)
{
    if (n >= 4) {
        vst1_s16(dst, v);
    } else {
        int16_t t[4];
        vst1_s16(t, v);
        eq_neon_copy((int8_t *)dst, (const int8_t *)t, 2 * n);
    }
}

/* All channels of n columns. */
static inline void eq_neon_columns_s16(const int16_t *x, int32_t n, const int8_t *w, int32_t k,
                                       int32_t out_c, int32_t act_min, int32_t act_max,
                                       int16_t *const *out)
{
    const int16x4_t low = vdup_n_s16((int16_t)act_min), high = vdup_n_s16((int16_t)act_max);
    for (int32_t oc = 0; oc < out_c; oc += 4, w += 4 * k + 48) {
        int16x4_t y[EQ_S16_MOST];
        eq_neon_tile_s16(x, n, w, k, low, high, y);
        for (int32_t i = 0; i < n; i++) {
            eq_neon_store_s16(out[i] + oc, y[i], out_c - oc);
        }
    }
}

#endif
