/* eq_neon_dw.h - depthwise convolution of any window, dilation and multiplier: 8 channels at a time
 * out of a ring of padded rows, so that no window meets a border. In place is fine for stride 1: a
 * row is in the ring before it is written. NEON.
 *
 * Channels are filled up to a multiple of 8 in the ring, the weights (kh, kw, c) and the tables; with a
 * multiplier the ring holds every input channel so many times.
 * Scratch: (kh - 1) * dil_h + 1 rows of ((out_w - 1) * stride_w + (kw - 1) * dil_w + 1) * c bytes.
 */
#ifndef EQ_NEON_DW_H
#define EQ_NEON_DW_H

#include "eq_conv.h"
#include "eq_neon.h"

/* Channels and rows of the ring, bytes of a row. */
typedef struct {
    int32_t c, rows, row;
} eq_neon_ring_t;

static inline eq_neon_ring_t eq_neon_ring(const eq_dwconv2d_s8_t *p)
{
    const int32_t c = (p->out_c + 7) & ~7;
    const int32_t width = (p->out_w - 1) * p->stride_w + (p->kw - 1) * p->dil_w + 1;
    const eq_neon_ring_t r = {c, (p->kh - 1) * p->dil_h + 1, width * c};
    return r;
}

/* n pixels to the ring. */
static inline void eq_neon_ring_pixels(const eq_dwconv2d_s8_t *p, int32_t c, const int8_t *in,
                                       int32_t n, int8_t *dst)
{
    if (p->in_c == c) {
        eq_neon_copy(dst, in, n * c);
        return;
    }
    const int32_t times = p->out_c / p->in_c;
    for (; n > 0; n--, dst += c) {
        if (times == 1) {
            eq_neon_copy(dst, in, p->in_c);
            in += p->in_c;
        } else {
            for (int32_t i = 0; i < p->in_c; i++) {
                eq_neon_fill(dst + i * times, *in++, times);
            }
        }
    }
}

/* Padded row number `y` (0 is the first row of padding) to its place in the ring. */
static inline void eq_neon_ring_load(const eq_dwconv2d_s8_t *p, eq_neon_ring_t r, const int8_t *in,
                                     int32_t y, int8_t *ring)
{
    const int32_t head = p->pad_left * r.c, rest = r.row - head, line = p->in_w * r.c;
    const int32_t body = rest < line ? rest : line, in_y = y - p->pad_top;
    int8_t *dst = ring + (y % r.rows) * r.row;
    if (in_y < 0 || in_y >= p->in_h || body <= 0) {
        eq_neon_fill(dst, p->in_zero, r.row);
    } else {
        eq_neon_fill(dst, p->in_zero, head);
        eq_neon_ring_pixels(p, r.c, in + in_y * p->in_w * p->in_c, body / r.c, dst + head);
        eq_neon_fill(dst + head + body, p->in_zero, rest - body);
    }
}

/* 32-bit accumulators of 8 channels. */
typedef struct {
    int32x4_t lo, hi;
} eq_neon_acc8_t;

static inline eq_neon_acc8_t eq_neon_add8(eq_neon_acc8_t a, int16x8_t p)
{
    a.lo = vaddw_s16(a.lo, vget_low_s16(p));
    a.hi = vaddw_s16(a.hi, vget_high_s16(p));
    return a;
}

/* What 8 channels of a layer need. */
typedef struct {
    eq_neon_params_t a, b;
    eq_neon_range_t range;
} eq_neon_block8_t;

/* A row of the 8 channels whose ring begins at `ring`, weights at `w`; `first` is the place in the
 * ring of the windows' first row, m how many of the channels there are. */
static inline void eq_neon_dw_row8(const eq_dwconv2d_s8_t *p, eq_neon_ring_t r,
                                   const int8_t *ring, int32_t first, const int8_t *w,
                                   const eq_neon_block8_t *k, int32_t m, int8_t *out)
{
    const int32_t step = p->stride_w * r.c, right = p->dil_w * r.c;
    for (int32_t i = 0; i < p->out_w; i++, out += p->out_c, ring += step) {
        eq_neon_acc8_t s = {k->a.bias, k->b.bias};
        const int8_t *u = w;
        int32_t at = first;
        for (int32_t ky = p->kh; ky > 0; ky--) {
            const int8_t *x = ring + at * r.row;
            for (int32_t kx = p->kw; kx > 0; kx--, x += right, u += r.c) {
                s = eq_neon_add8(s, vmull_s8(vld1_s8(x), vld1_s8(u)));
            }
            at += p->dil_h;
            at -= at >= r.rows ? r.rows : 0;
        }
        const int8x8_t y = eq_neon_outputs8(s.lo, s.hi, k->a, k->b, k->range, 0);
        if (m >= 8) {
            vst1_s8(out, y);
        } else {
            eq_neon_store(out, y, m);
        }
    }
}

static inline void eq_neon_depthwise(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                                     int8_t *ring)
{
    const eq_neon_ring_t r = eq_neon_ring(p);
    eq_neon_block8_t k;
    int32_t loaded = 0;
    k.range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    for (int32_t oy = 0; oy < p->out_h; oy++, out += p->out_w * p->out_c) {
        const int32_t first = oy * p->stride_h;
        for (loaded = loaded < first ? first : loaded; loaded < first + r.rows; loaded++) {
            eq_neon_ring_load(p, r, in, loaded, ring);
        }
        for (int32_t c = 0; c < p->out_c; c += 8) {
            k.a = eq_neon_params(p->bias + c, p->mult + c, p->shift + c);
            k.b = eq_neon_params(p->bias + c + 4, p->mult + c + 4, p->shift + c + 4);
            eq_neon_dw_row8(p, r, ring + c, first % r.rows, p->weights + c, &k, p->out_c - c,
                            out + c);
        }
    }
}

#endif
