/* eq_dw_rows.h - depthwise convolution of any window: one input channel at a time, its rows under
 * the window in a ring of padded rows, four outputs a tap. Any ISA.
 *
 * The including file defines `static inline int32_t finish(const eq_dwconv2d_s8_t *p, int32_t oc,
 * int32_t acc)`. Weights: (out_c, kh, kw). Scratch: a ring of (kh - 1) * dil_h + 1 rows of
 * eq_dw_pitch bytes. The rows that an output row needs are read before it is written. */
#ifndef EQ_DW_ROWS_H
#define EQ_DW_ROWS_H

#include "eq_conv.h"

/* Slots of one padded row each; slot `first` holds the first row under the window. */
typedef struct {
    int8_t *rows;
    int32_t pitch, count, first;
} eq_ring_t;

/* Bytes of a padded row; outputs are computed by four. */
static inline int32_t eq_dw_pitch(const eq_dwconv2d_s8_t *p)
{
    return ((p->out_w + 3) / 4 * 4 - 1) * p->stride_w + (p->kw - 1) * p->dil_w + 1;
}

/* Row number i < count under the window. */
static inline int8_t *eq_ring_row(const eq_ring_t *r, int32_t i)
{
    const int32_t slot = r->first + i;
    return r->rows + (slot < r->count ? slot : slot - r->count) * r->pitch;
}

/* Input row y of one channel (`in` at that channel) as row number i. */
static inline void eq_ring_load(const eq_dwconv2d_s8_t *p, const eq_ring_t *r, const int8_t *in,
                                int32_t y, int32_t i)
{
    int8_t *to = eq_ring_row(r, i);
    const int8_t *const end = to + r->pitch;
    const int8_t zero = p->in_zero;
    const int32_t in_c = p->in_c;
    if (y >= 0 && y < p->in_h) {
        const int8_t *from = in + y * p->in_w * in_c;
        const int32_t room = r->pitch - p->pad_left;
        const int8_t *const inner = to + p->pad_left;
        const int8_t *const stop = inner + (room < p->in_w ? room : p->in_w);
        while (to < inner && to < end) {
            *to++ = zero;
        }
        for (; to < stop; from += in_c) {
            *to++ = *from;
        }
    }
    while (to < end) {
        *to++ = zero;
    }
}

typedef struct {
    int32_t a0, a1, a2, a3;
} eq_sums_t;

/* Four outputs from one kernel row: x at the first tap of the first output. */
static inline eq_sums_t eq_dw_taps(eq_sums_t a, const int8_t *x, const int8_t *w, int32_t kw,
                                   int32_t dil, int32_t s)
{
    const int32_t s2 = 2 * s, s3 = 3 * s;
    for (; kw > 0; kw--, x += dil) {
        const int32_t t = *w++;
        a.a0 += t * x[0];
        a.a1 += t * x[s];
        a.a2 += t * x[s2];
        a.a3 += t * x[s3];
    }
    return a;
}

/* Output row of channel `oc`. */
static inline void eq_dw_row(const eq_dwconv2d_s8_t *p, const eq_ring_t *r, int32_t oc, int8_t *out)
{
    const int32_t out_c = p->out_c, kw = p->kw;
    for (int32_t ox = 0; ox < p->out_w; ox += 4) {
        const int32_t left = p->out_w - ox, bias = p->bias[oc];
        const int8_t *w = p->weights + oc * p->kh * kw;
        eq_sums_t a = {bias, bias, bias, bias};
        for (int32_t ky = 0; ky < p->kh; ky++, w += kw) {
            const int8_t *x = eq_ring_row(r, ky * p->dil_h) + ox * p->stride_w;
            a = p->stride_w == 1 ? eq_dw_taps(a, x, w, kw, p->dil_w, 1)
                                 : eq_dw_taps(a, x, w, kw, p->dil_w, p->stride_w);
        }
        *out = (int8_t)finish(p, oc, a.a0);
        if (left > 1) {
            out[out_c] = (int8_t)finish(p, oc, a.a1);
        }
        if (left > 2) {
            out[2 * out_c] = (int8_t)finish(p, oc, a.a2);
        }
        if (left > 3) {
            out[3 * out_c] = (int8_t)finish(p, oc, a.a3);
        }
        out += 4 * out_c;
    }
}

static inline void eq_dw_all(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             int8_t *scratch)
{
    eq_ring_t r = {scratch, eq_dw_pitch(p), (p->kh - 1) * p->dil_h + 1, 0};
    const int32_t multiplier = p->out_c / p->in_c;
    const int32_t step = p->stride_h < r.count ? p->stride_h : r.count;
    for (int32_t ic = 0; ic < p->in_c; ic++) {
        int32_t fresh = r.count; /* rows under the window that are not in the ring */
        r.first = 0;
        for (int32_t oy = 0; oy < p->out_h; oy++, fresh = step) {
            const int32_t y = oy * p->stride_h - p->pad_top;
            for (int32_t i = r.count - fresh; i < r.count; i++) {
                eq_ring_load(p, &r, in + ic, y + i, i);
            }
            for (int32_t m = 0; m < multiplier; m++) {
                const int32_t oc = ic * multiplier + m;
                eq_dw_row(p, &r, oc, out + oy * p->out_w * p->out_c + oc);
            }
            r.first += step;
            r.first = r.first < r.count ? r.first : r.first - r.count;
        }
    }
}

#endif
