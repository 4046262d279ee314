/* eq_conv2d_s8w4 - convolution with 4-bit weights, portable C: a byte of weights meets two taps of
 * int16 that lie half a patch apart, so both loads run on. */
#include "eq_conv_taps.h"
#include "eq_requant.h"

static inline int32_t low(int32_t byte)
{
    return (int32_t)((uint32_t)byte << 28) >> 28;
}

static int8_t finish(const eq_conv2d_s8_t *p, int32_t acc, int32_t oc)
{
    const int32_t y = eq_requant(acc + p->bias[oc], p->mult[oc], p->shift[oc]) + p->out_zero;
    return (int8_t)eq_clamp(y, p->act_min, p->act_max);
}

/* All output channels of one pixel from its 2 * h taps `x`. */
static void channels(const eq_conv2d_s8_t *p, const int16_t *restrict x, int32_t h,
                     int8_t *restrict out)
{
    const int16_t *const y = x + h;
    const int8_t *w = p->weights;
    int32_t oc = 0;
    for (; oc + 2 <= p->out_c; oc += 2, w += 2 * h) {
        const int8_t *const v = w + h;
        int32_t a = 0, b = 0;
        for (int32_t i = 0; i < h; i++) {
            a += x[i] * low(w[i]) + y[i] * (w[i] >> 4);
            b += x[i] * low(v[i]) + y[i] * (v[i] >> 4);
        }
        out[oc] = finish(p, a, oc);
        out[oc + 1] = finish(p, b, oc + 1);
    }
    if (oc < p->out_c) {
        int32_t a = 0;
        for (int32_t i = 0; i < h; i++) {
            a += x[i] * low(w[i]) + y[i] * (w[i] >> 4);
        }
        out[oc] = finish(p, a, oc);
    }
}

void eq_conv2d_s8w4(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    int16_t *const x = scratch;
    const int32_t k = p->kh * p->kw * p->in_c, h = (k + 1) / 2;
    x[2 * h - 1] = 0; /* the tap beyond an odd k */
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            eq_taps(p, in, x, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left);
            channels(p, x, h, out);
            out += p->out_c;
        }
    }
}
