/* eq_dwconv2d_s16_neon - depthwise convolution with 16-bit activations, NEON: 8 channels, SMLAL.
 *
 * c is a multiple of 8. Tables for every 8 channels: bias, mult, shift, 8 each. */
#include "eq_conv.h"

#if defined(__ARM_NEON)
#include "eq_neon_s16.h"

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_neon_copy((int8_t *)to, (const int8_t *)from, 2 * n);
}

#include "eq_dw_s16.h"

static void pixel(const eq_dw_s16_t *t, int16_t *out)
{
    const int16x4_t low = vdup_n_s16((int16_t)t->act_min), high = vdup_n_s16((int16_t)t->act_max);
    const int32_t *tables = t->tables;
    for (int32_t c = 0; c < t->c; c += 8, tables += 24) {
        const int16_t *row = t->x + c;
        const int8_t *w_row = t->w + c;
        int32x4_t a = vdupq_n_s32(0), b = a;
        for (int32_t ky = 0; ky < t->rows; ky++, row += t->x_row, w_row += t->w_row) {
            const int16_t *x = row;
            const int8_t *w = w_row;
            for (int32_t kx = 0; kx < t->cols; kx++, x += t->x_col, w += t->w_col) {
                const int16x8_t u = vld1q_s16(x), v = vmovl_s8(vld1_s8(w));
                a = vmlal_s16(a, vget_low_s16(u), vget_low_s16(v));
                b = vmlal_s16(b, vget_high_s16(u), vget_high_s16(v));
            }
        }
        vst1_s16(out + c, eq_neon_finish_s16(a, tables, 8, low, high));
        vst1_s16(out + c + 4, eq_neon_finish_s16(b, tables + 4, 8, low, high));
    }
}

void eq_dwconv2d_s16_neon(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                          void *scratch)
{
    eq_dwconv_s16(p, in, out, scratch);
}
#endif
