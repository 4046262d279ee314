/* eq_dwconv2d_s16_mve - depthwise convolution with 16-bit activations, MVE: 8 channels, the even ones
 * and the odd ones in two vectors of sums (VMULLB, VMULLT).
 *
 * Tables for every 8 channels: bias, mult, shift, each of channels 0 2 4 6 and then 1 3 5 7. */
#include "eq_conv.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_mve_copy((int8_t *)to, (const int8_t *)from, 2 * n);
}

#include "eq_dw_s16.h"

/* Sums of 4 channels to outputs before the clamp. */
static inline int32x4_t finish(int32x4_t acc, const int32_t *tables)
{
    const int32x4_t sum = vaddq_s32(acc, vldrwq_s32(tables));
    return vrshlq_s32(vqdmulhq_s32(sum, vldrwq_s32(tables + 8)), vldrwq_s32(tables + 16));
}

static void pixel(const eq_dw_s16_t *t, int16_t *out)
{
    const int16x8_t low = vdupq_n_s16((int16_t)t->act_min), high = vdupq_n_s16((int16_t)t->act_max);
    const int32_t *tables = t->tables;
    for (int32_t c = 0; c < t->c; c += 8, tables += 24) {
        const mve_pred16_t lanes = vctp16q((uint32_t)(t->c - c));
        const int16_t *row = t->x + c;
        const int8_t *w_row = t->w + c;
        int32x4_t even = vdupq_n_s32(0), odd = even;
        for (int32_t ky = 0; ky < t->rows; ky++, row += t->x_row, w_row += t->w_row) {
            const int16_t *x = row;
            const int8_t *w = w_row;
            for (int32_t kx = 0; kx < t->cols; kx++, x += t->x_col, w += t->w_col) {
                const int16x8_t a = vldrhq_z_s16(x, lanes), b = vldrbq_z_s16(w, lanes);
                even = vaddq_s32(even, vmullbq_int_s16(a, b));
                odd = vaddq_s32(odd, vmulltq_int_s16(a, b));
            }
        }
        int16x8_t y = vqmovnbq_s32(low, finish(even, tables));
        y = vqmovntq_s32(y, finish(odd, tables + 4));
        vstrhq_p_s16(out + c, vminq_s16(vmaxq_s16(y, low), high), lanes);
    }
}

void eq_dwconv2d_s16_mve(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch)
{
    eq_dwconv_s16(p, in, out, scratch);
}
#endif
