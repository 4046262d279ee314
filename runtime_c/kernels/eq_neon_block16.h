/* eq_neon_block16.h - all channels of 4 pixels in blocks of 16: epilogue and stores. AArch64 NEON.
 *
 * The including file defines first
 *     static inline const int8_t *block(const int8_t *const x[4], const int8_t *w, int32_t k,
 *                                       eq_neon_out16_t range, int32_t plain, int8x16_t y[4]);
 * 16 channels of the pixels x[i], out of the block of tables and weights at w; returns its end.
 */
#ifndef EQ_NEON_BLOCK16_H
#define EQ_NEON_BLOCK16_H

static inline void pixels_as(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                             int8_t *const out[4], int32_t plain)
{
    const eq_neon_out16_t range = eq_neon_out16(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    int8x16_t y[4];
    for (int32_t left = p->out_c, oc = 0; left > 0; left -= 16, oc += 16) {
        w = block(x, w, k, range, plain, y);
        for (int32_t i = 0; i < 4; i++) {
            if (left >= 16) {
                vst1q_s8(out[i] + oc, y[i]);
            } else {
                eq_neon_store(out[i] + oc, vget_low_s8(y[i]), left);
                eq_neon_store(out[i] + oc + 8, vget_high_s8(y[i]), left - 8);
            }
        }
    }
}

static inline void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                          int8_t *const out[4])
{
    if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
        pixels_as(p, x, k, out, 1);
    } else {
        pixels_as(p, x, k, out, 0);
    }
}

#endif
