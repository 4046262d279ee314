/* eq_neon_w4.h - layers with 4-bit weights around one product. NEON.
 *
 * The including file defines first
 *     static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w);
 * acc plus 16 products, spread over the lanes in any way. A vector of 16 bytes holds 16 k of two
 * channels, the even one in the low halves; shifted left by 4, or without the low halves, it is 16
 * times the weights of one, so it is never unpacked. The sums lose the factor by a right shift.
 * weights (out_c / 2, k / 16, 16), out_c filled up to a multiple of 8, k to one of 16. */
#ifndef EQ_NEON_W4_H
#define EQ_NEON_W4_H

#include "eq_neon.h"

enum { EQ_W4_MOST = 4 };  /* pixels of a tile */

/* 16 times the sums of 4 channels for each of n <= EQ_W4_MOST pixels, a channel a lane. */
static inline void eq_w4_tile(const int8_t *const *x, int32_t n, const int8_t *w, int32_t k,
                              int32x4_t *sums)
{
    const int8x16_t odd = vreinterpretq_s8_u8(vdupq_n_u8(0xF0));
    int32x4_t s[EQ_W4_MOST][4];
    for (int32_t pair = 0; pair < 4; pair += 2, w += k) {
        int32x4_t a[EQ_W4_MOST], b[EQ_W4_MOST];
        for (int32_t i = 0; i < n; i++) {
            a[i] = vdupq_n_s32(0);
            b[i] = vdupq_n_s32(0);
        }
        for (int32_t j = 0; j < k; j += 16) {
            const int8x16_t both = vld1q_s8(w + j);
            const int8x16_t u = vshlq_n_s8(both, 4), v = vandq_s8(both, odd);
            for (int32_t i = 0; i < n; i++) {
                const int8x16_t t = vld1q_s8(x[i] + j);
                a[i] = mac16(a[i], t, u);
                b[i] = mac16(b[i], t, v);
            }
        }
        for (int32_t i = 0; i < n; i++) {
            s[i][pair] = a[i];
            s[i][pair + 1] = b[i];
        }
    }
    for (int32_t i = 0; i < n; i++) {
        sums[i] = eq_neon_sums(s[i][0], s[i][1], s[i][2], s[i][3]);
    }
}

/* 8 channels of n pixels. */
static inline void eq_w4_block(const int8_t *const *x, int32_t n, const int8_t *w, int32_t k,
                               eq_neon_params_t p, eq_neon_params_t q, eq_neon_range_t range,
                               int8x8_t *y)
{
    int32x4_t lo[EQ_W4_MOST], hi[EQ_W4_MOST];
    eq_w4_tile(x, n, w, k, lo);
    eq_w4_tile(x, n, w + 2 * k, k, hi);
    for (int32_t i = 0; i < n; i++) {
        y[i] = eq_neon_outputs8(vaddq_s32(vshrq_n_s32(lo[i], 4), p.bias),
                                vaddq_s32(vshrq_n_s32(hi[i], 4), q.bias), p, q, range, 0);
    }
}

#endif
