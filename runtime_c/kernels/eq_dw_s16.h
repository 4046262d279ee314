/* eq_dw_s16.h - the depthwise convolution with 16-bit activations around one pixel. Any ISA.
 *
 * The including file defines first
 *     static void pixel(const eq_dw_s16_t *t, int16_t *out);
 * all channels of one pixel. weights: (kh, kw, c) int8, filled up to a multiple of 4 bytes, then the
 * tables bias, mult and shift as the kernel's Python file orders them (int32, c filled up to a
 * multiple of 8). One input channel for each output channel. */
#ifndef EQ_DW_S16_H
#define EQ_DW_S16_H

#include "eq_conv.h"
#include "eq_taps_s16.h"

/* The taps of one pixel: rows x cols of them, from x and w on. */
typedef struct {
    const int16_t *x;
    const int8_t *w;
    const int32_t *tables;
    int32_t rows, cols, c;
    int32_t x_row, x_col, w_row;  /* distances in values */
    int32_t act_min, act_max;
} eq_dw_s16_t;

static void pixel(const eq_dw_s16_t *t, int16_t *out);

static inline void eq_dwconv_s16(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out)
{
    const int32_t c = p->out_c, size = (p->kh * p->kw * c + 3) & ~3;
    eq_dw_s16_t t = {
        .tables = (const int32_t *)(const void *)(p->weights + size), .c = c,
        .x_row = p->dil_h * p->in_w * c, .x_col = p->dil_w * c, .w_row = p->kw * c,
        .act_min = p->act_min, .act_max = p->act_max,
    };
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const eq_taps_s16_t rows = eq_taps_inside(y0, p->kh, p->dil_h, p->in_h);
        t.rows = rows.end - rows.first;
        for (int32_t ox = 0; ox < p->out_w; ox++, out += c) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const eq_taps_s16_t cols = eq_taps_inside(x0, p->kw, p->dil_w, p->in_w);
            t.cols = cols.end - cols.first;
            t.x = in;
            t.w = p->weights;
            if (t.rows > 0 && t.cols > 0) {
                t.x += ((y0 + rows.first * p->dil_h) * p->in_w + x0 + cols.first * p->dil_w) * c;
                t.w += (rows.first * p->kw + cols.first) * c;
            }
            pixel(&t, out);
        }
    }
}

#endif
