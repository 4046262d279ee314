/* eq_dwconv2d_3x3_s8_v6m - depthwise 3x3, stride 1 or 2: two output rows at a time share the loads
 * of four input rows, which are unsigned, for ARMv6-M loads those with an offset.
 *
 * in_c = out_c, a multiple of 4; no dilation. `out` may be `in`.
 * Weights: (out_c, 3, 3); bias less 128 times their sum; shift holds right shift - 1. Scratch:
 * 16 * ((out_w - 1) * stride_w + 3). */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dw_columns.h"
#include "eq_gemm_v6m.h"

#define FLIP 0x80808080u

/* One channel. */
typedef struct {
    int32_t w[3][3]; /* [column][row] */
    int32_t bias;
    eq_channel_v6m_t c;
    eq_clamp_v6m_t q;
    int32_t pixel, row; /* bytes to the next output to the right and below */
    int32_t step;       /* bytes from column to column */
} channel_t;

static void two_rows(const channel_t *k, const uint8_t *at, int8_t *out, int32_t n)
{
    for (; n > 0; n--, at += 16, out += k->pixel) {
        int32_t top = k->bias, low = top;
        for (int32_t x = 0; x < 3; x++) {
            const int32_t w0 = k->w[x][0], w1 = k->w[x][1], w2 = k->w[x][2];
            const int32_t b = at[16 * x + 4], c = at[16 * x + 8];
            top += at[16 * x] * w0 + b * w1 + c * w2;
            low += b * w0 + c * w1 + at[16 * x + 12] * w2;
        }
        out[0] = (int8_t)eq_finish_v6m(top, k->c, k->q);
        out[k->row] = (int8_t)eq_finish_v6m(low, k->c, k->q);
    }
}

static void one_row(const channel_t *k, const uint8_t *at, int8_t *out, int32_t n)
{
    for (; n > 0; n--, at += k->step, out += k->pixel) {
        int32_t top = k->bias;
        for (int32_t x = 0; x < 3; x++) {
            top += at[16 * x] * k->w[x][0] + at[16 * x + 4] * k->w[x][1]
                   + at[16 * x + 8] * k->w[x][2];
        }
        out[0] = (int8_t)eq_finish_v6m(top, k->c, k->q);
    }
}

static channel_t load_channel(const eq_dwconv2d_s8_t *p, int32_t oc)
{
    const int8_t *w = p->weights + 9 * oc;
    channel_t k = {{{0}}, p->bias[oc], eq_channel_v6m(p->mult[oc], p->shift[oc]),
                   {2 * p->out_zero + 1, p->act_min, p->act_max},
                   p->out_c, p->out_w * p->out_c, 16 * p->stride_w};
    for (int32_t y = 0; y < 3; y++) {
        for (int32_t x = 0; x < 3; x++) {
            k.w[x][y] = *w++;
        }
    }
    return k;
}

void eq_dwconv2d_3x3_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    eq_column_t *columns = scratch;
    const int32_t row = p->out_w * p->out_c;
    eq_columns_clear(p, columns, FLIP);
    for (int32_t group = 0; group < p->out_c; group += 4) {
        channel_t k[4];
        int32_t y = -p->pad_top;
        int8_t *to = out + group;
        for (int32_t c = 0; c < 4; c++) {
            k[c] = load_channel(p, group + c);
        }
        eq_columns_advance(p, in + group, y, columns, FLIP);
        for (int32_t oy = 0; oy < p->out_h; oy++, to += row) {
            const int rows = p->stride_h == 1 && oy + 1 < p->out_h ? 2 : 1;
            y += 2;
            eq_columns_advance(p, in + group, y, columns, FLIP);
            for (int32_t c = 0; c < 4; c++) {
                if (rows == 2) {
                    two_rows(&k[c], (const uint8_t *)columns + c, to + c, p->out_w);
                } else {
                    one_row(&k[c], (const uint8_t *)columns + c, to + c, p->out_w);
                }
            }
            if (rows == 2) {
                oy++;
                to += row;
            }
        }
    }
}
#endif
