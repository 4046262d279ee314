/* eq_conv2d_s8b - convolution of signs with 1-bit weights, portable C: XOR, bits counted in parallel.
 *
 * Rows of weights: d * |w|, then words (kw, kh, in_c / 32). Scratch: the strip of a row of pixels. */
#include "eq_conv.h"
#include "eq_conv_bits.h"
#include "eq_requant.h"

void eq_conv2d_s8b(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t column = p->kh * eq_bits_words(p->in_c), n = p->kw * column;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const uint32_t *x = scratch;
        (void)eq_bits_strip(p, in, oy * p->stride_h - p->pad_top, scratch);
        for (int32_t ox = 0; ox < p->out_w; ox++, x += 2 * p->stride_w * column, out += p->out_c) {
            const uint32_t *row = (const uint32_t *)(const void *)p->weights;
            const int32_t values = eq_bits_values(x, n);
            for (int32_t oc = 0; oc < p->out_c; oc++, row += n + 1) {
                const int32_t acc = eq_bits_sum(x, values, row, n) + p->bias[oc];
                const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                out[oc] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
