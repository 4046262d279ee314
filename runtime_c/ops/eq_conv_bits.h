/* eq_conv_bits.h - the input rows of one row of output pixels as bits, padding included. Any ISA. */
#ifndef EQ_CONV_BITS_H
#define EQ_CONV_BITS_H

#include "eq_conv.h"
#include "eq_bits.h"

/* Pairs for the columns of the windows that start at row y0, each of them (kh, words): with adjacent
 * columns (dil_w 1), the taps (kw, kh, words) of a pixel lie together. Returns what follows them. */
static inline uint32_t *eq_bits_strip(const eq_conv2d_s8_t *p, const int8_t *in, int32_t y0,
                                      uint32_t *to)
{
    const int32_t end = (p->out_w - 1) * p->stride_w + p->kw - p->pad_left;
    const int32_t words = 2 * eq_bits_words(p->in_c);
    for (int32_t x = -p->pad_left; x < end; x++) {
        for (int32_t ky = 0; ky < p->kh; ky++) {
            const int32_t y = y0 + ky * p->dil_h;
            if (x >= 0 && x < p->in_w && y >= 0 && y < p->in_h) {
                to = eq_bits_pack(to, in + (y * p->in_w + x) * p->in_c, p->in_c);
            } else {
                for (int32_t i = 0; i < words; i++) {
                    *to++ = 0;
                }
            }
        }
    }
    return to;
}

#endif
