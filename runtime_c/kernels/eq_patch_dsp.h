/* eq_patch_dsp.h - the int8 patch of one output pixel, padding included. Arm DSP ISA. */
#ifndef EQ_PATCH_DSP_H
#define EQ_PATCH_DSP_H

#include "eq_gemm_dsp.h"
#include "eq_conv.h"

static inline int8_t *eq_copy_dsp(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n >= 4; n -= 4, to += 4, from += 4) {
        eq_store4(to, eq_load4(from));
    }
    for (; n > 0; n--) {
        *to++ = *from++;
    }
    return to;
}

static inline int8_t *eq_fill_dsp(int8_t *to, int8_t value, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = value;
    }
    return to;
}

/* The patch at (y, x), part of which may lie outside the input. */
static inline void eq_patch_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int32_t y, int32_t x,
                                int8_t *to)
{
    const int32_t in_c = p->in_c, kw = p->kw, in_w = p->in_w, dil = p->dil_w;
    for (int32_t ky = 0; ky < p->kh; ky++, y += p->dil_h) {
        const int8_t *row = in + y * in_w * in_c;
        if (y < 0 || y >= p->in_h) {
            to = eq_fill_dsp(to, p->in_zero, kw * in_c);
        } else if (dil == 1 && x >= 0 && x + kw <= in_w) {
            to = eq_copy_dsp(to, row + x * in_c, kw * in_c);
        } else {
            for (int32_t at = x; at < x + kw * dil; at += dil) {
                to = at >= 0 && at < in_w ? eq_copy_dsp(to, row + at * in_c, in_c)
                                          : eq_fill_dsp(to, p->in_zero, in_c);
            }
        }
    }
}

#endif
