/* eq_conv_s16.h - the convolution with 16-bit activations around a tile of pixels. Any ISA.
 *
 * The including file defines first EQ_S16_TILE, the pixels of a tile, and
 *     static inline void copy(int16_t *to, const int16_t *from, int32_t n);
 *     static void pixels(const eq_conv2d_s16_t *p, int16_t *x, int32_t k, int16_t *const *out);
 * all channels of the pixels whose patches lie at x, k apart, to out[i]. k is kh * kw * in_c rounded
 * up to a multiple of 8; weights behind kh * kw * in_c are 0. Scratch: EQ_S16_TILE * k values. The
 * patches are in scratch before their outputs are written. */
#ifndef EQ_CONV_S16_H
#define EQ_CONV_S16_H

#include "eq_conv.h"

static inline int16_t *eq_zeros_s16(int16_t *to, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = 0;
    }
    return to;
}

/* The patch whose first tap is at (y, x). */
static void eq_patch_s16(const eq_conv2d_s16_t *p, const int16_t *in, int32_t y, int32_t x,
                         int16_t *to)
{
    const int32_t in_c = p->in_c, row = p->kw * in_c;
    const int inner = p->dil_w == 1 && x >= 0 && x + p->kw <= p->in_w;
    for (int32_t ky = 0; ky < p->kh; ky++, y += p->dil_h) {
        const int16_t *line = in + y * p->in_w * in_c;
        if (y < 0 || y >= p->in_h) {
            to = eq_zeros_s16(to, row);
        } else if (inner) {
            copy(to, line + x * in_c, row);
            to += row;
        } else {
            for (int32_t kx = 0; kx < p->kw; kx++) {
                const int32_t at = x + kx * p->dil_w;
                if (at < 0 || at >= p->in_w) {
                    eq_zeros_s16(to, in_c);
                } else {
                    copy(to, line + at * in_c, in_c);
                }
                to += in_c;
            }
        }
    }
}

static inline void eq_conv_s16(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out,
                               int16_t *scratch)
{
    const int32_t k = (p->kh * p->kw * p->in_c + 7) & ~7;
    int32_t ox = 0, y = -p->pad_top, x = -p->pad_left;
    for (int32_t left = p->out_h * p->out_w; left > 0; left -= EQ_S16_TILE) {
        int16_t *to[EQ_S16_TILE];
        for (int32_t i = 0; i < EQ_S16_TILE; i++) {
            to[i] = out;
            if (i >= left) { /* nothing left: the last pixel once more */
                to[i] = to[left - 1];
                continue;
            }
            out += p->out_c;
            eq_patch_s16(p, in, y, x, scratch + i * k);
            x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                x = -p->pad_left;
                y += p->stride_h;
            }
        }
        for (int32_t i = left; i < EQ_S16_TILE; i++) {
            copy(scratch + i * k, scratch + (left - 1) * k, k);
        }
        pixels(p, scratch, k, to);
    }
}

#endif
