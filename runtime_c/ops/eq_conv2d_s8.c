/* eq_conv2d_s8 - convolution, portable C: each pixel's taps are widened to int16 once, four
 * output channels share them. */
#include "eq_conv_taps.h"
#include "eq_requant.h"

static int8_t finish(const eq_conv2d_s8_t *p, int32_t acc, int32_t oc)
{
    const int32_t y = eq_requant(acc + p->bias[oc], p->mult[oc], p->shift[oc]) + p->out_zero;
    return (int8_t)eq_clamp(y, p->act_min, p->act_max);
}

/* All output channels of one pixel from its `k` taps `x`. */
static void channels(const eq_conv2d_s8_t *p, const int16_t *restrict x, int32_t k,
                     int8_t *restrict out)
{
    const int8_t *w = p->weights;
    int32_t oc = 0;
    for (; oc + 4 <= p->out_c; oc += 4, w += 4 * k) {
        const int8_t *w1 = w + k, *w2 = w1 + k, *w3 = w2 + k;
        int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
        for (int32_t i = 0; i < k; i++) {
            a0 += x[i] * w[i];
            a1 += x[i] * w1[i];
            a2 += x[i] * w2[i];
            a3 += x[i] * w3[i];
        }
        out[oc] = finish(p, a0, oc);
        out[oc + 1] = finish(p, a1, oc + 1);
        out[oc + 2] = finish(p, a2, oc + 2);
        out[oc + 3] = finish(p, a3, oc + 3);
    }
    for (; oc < p->out_c; oc++, w += k) {
        int32_t acc = 0;
        for (int32_t i = 0; i < k; i++) {
            acc += x[i] * w[i];
        }
        out[oc] = finish(p, acc, oc);
    }
}

void eq_conv2d_s8(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    int16_t *const x = scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            eq_taps(p, in, x, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left);
            channels(p, x, p->kh * p->kw * p->in_c, out);
            out += p->out_c;
        }
    }
}
