/* eq_dw_s16.h - the depthwise convolution with 16-bit activations around one pixel. Any ISA.
 *
 * The including file defines first
 *     static inline void copy(int16_t *to, const int16_t *from, int32_t n);
 *     static void pixel(const eq_dw_s16_t *t, int16_t *out);
 * some channels of one pixel. weights: `group` (int32), (kh, kw, c) int8, filled up to a multiple of
 * 4 bytes, then the tables bias, mult and shift as the kernel's Python file orders them (int32, c
 * filled up to a multiple of 8). One input channel for each output channel.
 * Where `out` is `in`, `group` channels at a time go down the image, over copies of the input rows
 * under the window: scratch holds (kh - 1) * dil_h + 1 rows of them. */
#ifndef EQ_DW_S16_H
#define EQ_DW_S16_H

#include "eq_conv.h"
#include "eq_taps_s16.h"

/* The taps of one pixel: rows x cols of them, from x and w on, for c channels. */
typedef struct {
    const int16_t *x;
    const int8_t *w;
    const int32_t *tables;
    int32_t rows, cols, c;
    int32_t x_row, x_col, w_row, w_col; /* distances in values */
    int32_t act_min, act_max;
} eq_dw_s16_t;

static void pixel(const eq_dw_s16_t *t, int16_t *out);

/* The rows under the window, their channels alone: the first one is input row y. */
typedef struct {
    int16_t *x;
    int32_t y, count, size;
} eq_lines_s16_t;

/* Moves the window down to input row y; `in` at the first channel of the group. */
static inline void eq_lines_move(const eq_dwconv2d_s16_t *p, eq_lines_s16_t *r, const int16_t *in,
                                 int32_t y, int32_t group)
{
    const int32_t down = y - r->y, c = p->out_c;
    for (int32_t i = 0; i < r->count; i++) {
        int16_t *to = r->x + i * r->size;
        if (i + down < r->count) {
            copy(to, to + down * r->size, r->size);
        } else if (y + i >= 0 && y + i < p->in_h) {
            const int16_t *from = in + (y + i) * p->in_w * c;
            for (int32_t x = p->in_w; x > 0; x--, to += group, from += c) {
                copy(to, from, group);
            }
        }
    }
    r->y = y;
}

/* All pixels of the channels of `t`, whose w and tables begin with them; scratch as above, or NULL. */
static inline void eq_dw_group_s16(const eq_dwconv2d_s16_t *p, eq_dw_s16_t t, const int16_t *in,
                                   int16_t *out, int16_t *scratch)
{
    const int32_t c = p->out_c, reach = (p->kh - 1) * p->dil_h + 1;
    const int32_t pitch = scratch ? t.c : c;
    const int8_t *const weights = t.w;
    t.x_row = p->dil_h * p->in_w * pitch;
    t.x_col = p->dil_w * pitch;
    eq_lines_s16_t r = {scratch, -p->pad_top - reach, reach, p->in_w * t.c};
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const eq_taps_s16_t rows = eq_taps_inside(y0, p->kh, p->dil_h, p->in_h);
        const int16_t *line = in + y0 * p->in_w * c;
        if (scratch) {
            eq_lines_move(p, &r, in, y0, t.c);
            line = scratch;
        }
        t.rows = rows.end - rows.first;
        for (int32_t ox = 0; ox < p->out_w; ox++, out += c) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const eq_taps_s16_t cols = eq_taps_inside(x0, p->kw, p->dil_w, p->in_w);
            t.cols = cols.end - cols.first;
            t.x = line;
            t.w = weights;
            if (t.rows > 0 && t.cols > 0) {
                t.x += rows.first * t.x_row + x0 * pitch + cols.first * t.x_col;
                t.w += (rows.first * p->kw + cols.first) * c;
            }
            pixel(&t, out);
        }
    }
}

static inline void eq_dwconv_s16(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                                 int16_t *scratch)
{
    const int32_t *head = (const int32_t *)(const void *)p->weights;
    const int32_t c = p->out_c, size = (p->kh * p->kw * c + 3) & ~3;
    const int in_place = (const int16_t *)out == in;
    const int32_t group = in_place ? head[0] : c;
    for (int32_t first = 0; first < c; first += group) {
        const eq_dw_s16_t t = {
            .w = p->weights + 4 + first, .tables = head + 1 + size / 4 + 3 * first,
            .c = c - first < group ? c - first : group, .w_row = p->kw * c, .w_col = c,
            .act_min = p->act_min, .act_max = p->act_max,
        };
        eq_dw_group_s16(p, t, in + first, out + first, in_place ? scratch : NULL);
    }
}

#endif
