/* eq_dwconv2d_s16_v6m - depthwise convolution with 16-bit activations, sums of 32 bits. ARMv6-M.
 *
 * c is a multiple of 2. Tables for every 2 channels: bias, mult, shift, 2 each. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_m_s16.h"

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_copy_pairs_s16(to, from, n);
}

#include "eq_dw_s16.h"

static void pixel(const eq_dw_s16_t *t, int16_t *out)
{
    const int32_t *tables = t->tables;
    for (int32_t c = 0; c < t->c; c += 2, tables += 6) {
        const int16_t *row = t->x + c;
        const int8_t *w_row = t->w + c;
        int32_t a = tables[0], b = tables[1];
        for (int32_t ky = 0; ky < t->rows; ky++, row += t->x_row, w_row += t->w_row) {
            const int16_t *x = row;
            const int8_t *w = w_row;
            for (int32_t kx = 0; kx < t->cols; kx++, x += t->x_col, w += t->w_col) {
                a += x[0] * w[0];
                b += x[1] * w[1];
            }
        }
        out[c] = eq_finish_s16(a, tables[2], tables[4], t->act_min, t->act_max);
        out[c + 1] = eq_finish_s16(b, tables[3], tables[5], t->act_min, t->act_max);
    }
}

void eq_dwconv2d_s16_v6m(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch)
{
    eq_dwconv_s16(p, in, out, scratch);
}
#endif
