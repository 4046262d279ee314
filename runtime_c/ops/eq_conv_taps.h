/* eq_conv_taps.h - the taps of one output pixel as int16, padding included. Any ISA. */
#ifndef EQ_CONV_TAPS_H
#define EQ_CONV_TAPS_H

#include "eq_conv.h"

static inline int16_t *eq_taps_widen(int16_t *restrict to, const int8_t *restrict from, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = from[i];
    }
    return to + n;
}

static inline int16_t *eq_taps_fill(int16_t *restrict to, int16_t value, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = value;
    }
    return to + n;
}

/* The taps (kh, kw, in_c) of the pixel whose window starts at (y0, x0). */
static inline void eq_taps(const eq_conv2d_s8_t *p, const int8_t *restrict in,
                           int16_t *restrict to, int32_t y0, int32_t x0)
{
    const int32_t in_c = p->in_c, row = p->kw * in_c;
    const int32_t inside = p->dil_w == 1 && x0 >= 0 && x0 + p->kw <= p->in_w;
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = y0 + ky * p->dil_h;
        if (y < 0 || y >= p->in_h) {
            to = eq_taps_fill(to, p->in_zero, row);
        } else if (inside) {
            to = eq_taps_widen(to, in + (y * p->in_w + x0) * in_c, row);
        } else {
            for (int32_t kx = 0; kx < p->kw; kx++) {
                const int32_t x = x0 + kx * p->dil_w;
                to = x < 0 || x >= p->in_w
                         ? eq_taps_fill(to, p->in_zero, in_c)
                         : eq_taps_widen(to, in + (y * p->in_w + x) * in_c, in_c);
            }
        }
    }
}

#endif
