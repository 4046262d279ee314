/* eq_conv2d_s8b_neon - convolution of signs with 1-bit weights, NEON: XOR and CNT of 128 at a time.
 *
 * Scratch: the vectors of a pixel, then the strip of a row of pixels and 3 pairs that are only read. */
#include "eq_conv.h"
#include "eq_conv_bits.h"

#if defined(__ARM_NEON)
#include "eq_neon_bits.h"

void eq_conv2d_s8b_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t column = p->kh * eq_bits_words(p->in_c), n = p->kw * column;
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    uint32_t *const vectors = scratch, *const strip = vectors + 8 * ((n + 3) >> 2);
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const uint32_t *x = strip;
        (void)eq_bits_strip(p, in, oy * p->stride_h - p->pad_top, strip);
        for (int32_t ox = 0; ox < p->out_w; ox++, x += 2 * p->stride_w * column, out += p->out_c) {
            eq_bits_pixel(x, n, vectors, p->weights, p->out_c, range, out);
        }
    }
}
#endif
