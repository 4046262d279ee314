/* eq_dwconv2d_s16_v7m - depthwise convolution with 16-bit activations, sums of 32 bits. ARMv7-M.
 *
 * c is a multiple of 4. Tables for every 4 channels: bias, mult, shift, 4 each. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_m_s16.h"

static inline void copy(int16_t *to, const int16_t *from, int32_t n)
{
    eq_copy_pairs_s16(to, from, n);
}

#include "eq_dw_s16.h"

/* Sums of 4 channels. */
typedef struct {
    int32_t a, b, c, d;
} sums_t;

static inline sums_t add_taps(sums_t s, const int16_t *x, int32_t x_step, const int8_t *w,
                              int32_t w_step, int32_t n)
{
    for (; n > 0; n--, x += x_step, w += w_step) {
        s.a += x[0] * w[0];
        s.b += x[1] * w[1];
        s.c += x[2] * w[2];
        s.d += x[3] * w[3];
    }
    return s;
}

static void pixel(const eq_dw_s16_t *t, int16_t *out)
{
    const int32_t *k = t->tables, low = t->act_min, high = t->act_max;
    for (int32_t c = 0; c < t->c; c += 4, k += 12) {
        const int16_t *x = t->x + c;
        const int8_t *w = t->w + c;
        sums_t s = {k[0], k[1], k[2], k[3]};
        for (int32_t ky = 0; ky < t->rows; ky++, x += t->x_row, w += t->w_row) {
            s = add_taps(s, x, t->x_col, w, t->w_col, t->cols);
        }
        out[c] = eq_finish_s16(s.a, k[4], k[8], low, high);
        out[c + 1] = eq_finish_s16(s.b, k[5], k[9], low, high);
        out[c + 2] = eq_finish_s16(s.c, k[6], k[10], low, high);
        out[c + 3] = eq_finish_s16(s.d, k[7], k[11], low, high);
    }
}

void eq_dwconv2d_s16_v7m(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch)
{
    eq_dwconv_s16(p, in, out, scratch);
}
#endif
