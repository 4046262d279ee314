/* eq_neon_dw.h - a ring of padded input rows for depthwise kernels, so that no window meets a
 * border. NEON. Scratch: kh rows of ((out_w - 1) * stride_w + kw) * in_c bytes. */
#ifndef EQ_NEON_DW_H
#define EQ_NEON_DW_H

#include "eq_neon.h"

static inline int32_t eq_neon_ring_row(const eq_dwconv2d_s8_t *p)
{
    return ((p->out_w - 1) * p->stride_w + p->kw) * p->in_c;
}

/* Padded row number `y` (0 is the first row of padding) to its place in the ring. */
static inline void eq_neon_ring_load(const eq_dwconv2d_s8_t *p, const int8_t *in, int32_t y,
                                     int8_t *ring)
{
    const int32_t row = eq_neon_ring_row(p), line = p->in_w * p->in_c, head = p->pad_left * p->in_c;
    const int32_t body = row - head < line ? row - head : line;
    int8_t *dst = ring + (y % p->kh) * row;
    const int32_t in_y = y - p->pad_top;
    if (in_y < 0 || in_y >= p->in_h) {
        eq_neon_fill(dst, p->in_zero, row);
    } else {
        eq_neon_fill(dst, p->in_zero, head);
        eq_neon_copy(dst + head, in + in_y * line, body);
        eq_neon_fill(dst + head + body, p->in_zero, row - head - body);
    }
}

#endif
