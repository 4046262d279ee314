/* eq_conv_shallow_dsp.h - convolution of few input channels: patches gathered as bytes, widened
 * three at a time, then all channels. Arm DSP ISA.
 *
 * Any in_c, out_c even; weights are the product's stream over k = kh * kw * in_c. Scratch: three
 * widened patches, then three patches of 4 * ceil(k / 4) + 4 bytes. */
#ifndef EQ_CONV_SHALLOW_DSP_H
#define EQ_CONV_SHALLOW_DSP_H

#include "eq_gemm_dsp.h"
#include "eq_conv.h"

static inline int8_t *copy(int8_t *to, const int8_t *from, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = from[i];
    }
    return to + n;
}

/* May write up to 3 bytes more. */
static inline int8_t *fill(int8_t *to, int32_t value, int32_t n)
{
    const uint32_t word = (uint32_t)(uint8_t)value * 0x01010101u;
    for (int32_t i = 0; i < n; i += 4) {
        eq_store4(to + i, word);
    }
    return to + n;
}

/* The patch at (y, x), part of which may lie outside the input. */
static void gather_border(const eq_conv2d_s8_t *p, const int8_t *in, int32_t y, int32_t x,
                          int8_t *to)
{
    const int32_t in_c = p->in_c, kw = p->kw, in_w = p->in_w, dil = p->dil_w;
    for (int32_t ky = 0; ky < p->kh; ky++, y += p->dil_h) {
        const int8_t *row = in + y * in_w * in_c;
        if (y < 0 || y >= p->in_h) {
            to = fill(to, p->in_zero, kw * in_c);
        } else if (dil == 1 && x >= 0 && x + kw <= in_w) {
            to = copy(to, row + x * in_c, kw * in_c);
        } else {
            for (int32_t at = x; at < x + kw * dil; at += dil) {
                to = at >= 0 && at < in_w ? copy(to, row + at * in_c, in_c)
                                          : fill(to, p->in_zero, in_c);
            }
        }
    }
}

/* The patch at `from`, whole kernel rows of n bytes; copies words, so up to 3 bytes more. */
static inline void gather_inner(const int8_t *from, int32_t pitch, int32_t rows, int32_t n,
                                int8_t *to)
{
    for (; rows > 0; rows--, from += pitch, to += n) {
        for (int32_t i = 0; i < n; i += 4) {
            eq_store4(to + i, eq_load4(from + i));
        }
    }
}

/* One patch whose upper left tap is at (y, x). */
static void gather(const eq_conv2d_s8_t *p, const int8_t *in, int32_t y, int32_t x, int8_t *to)
{
    const int32_t in_c = p->in_c, kw = p->kw, kh = p->kh, pitch = p->in_w * in_c;
    /* the 3 bytes behind the last kernel row must lie inside the input, too */
    const int last = y + (kh - 1) * p->dil_h == p->in_h - 1;
    const int32_t margin = last ? 3 : 0;
    if (p->dil_w == 1 && pitch >= 3 && y >= 0 && y + (kh - 1) * p->dil_h < p->in_h
        && x >= 0 && (x + kw) * in_c + margin <= pitch) {
        gather_inner(in + y * pitch + x * in_c, pitch * p->dil_h, kh, kw * in_c, to);
    } else {
        gather_border(p, in, y, x, to);
    }
}

static inline void eq_conv_shallow_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                       void *scratch,
                                       void gemm3(const eq_gemm_dsp_t *, const uint32_t *,
                                                  int8_t *, int32_t, int32_t))
{
    const int32_t out_c = p->out_c, words = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_gemm_dsp_t g = {p->weights, words, out_c, 2 * p->out_zero + 1};
    int8_t *patches = (int8_t *)scratch + 24 * words;
    const int32_t pitch = 4 * words + 4;
    int32_t ox = 0, y = -p->pad_top, x = -p->pad_left;
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3) {
        const int32_t n = left < 3 ? left : 3;
        for (int32_t i = 0; i < n; i++) {
            gather(p, in, y, x, patches + i * pitch);
            x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                x = -p->pad_left;
                y += p->stride_h;
            }
        }
        (void)eq_widen3(patches, patches + pitch, patches + 2 * pitch, words, scratch);
        gemm3(&g, scratch, out, n > 1 ? out_c : 0, n > 2 ? 2 * out_c : 0);
        eq_clamp_dsp(out, n * out_c, p->act_min, p->act_max);
        out += 3 * out_c;
    }
}

#endif
