/* eq_conv2d_s8wz - convolution whose weights have a zero point, portable C: each pixel's taps are
 * widened to int16 and summed up once, all output channels share both. */
#include "eq_conv_taps.h"
#include "eq_requant.h"

static int32_t sum(const int16_t *restrict x, int32_t k)
{
    int32_t total = 0;
    for (int32_t i = 0; i < k; i++) {
        total += x[i];
    }
    return total;
}

static int32_t dot(const int16_t *restrict x, const int8_t *restrict w, int32_t k)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

void eq_conv2d_s8wz(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch)
{
    int16_t *const x = scratch;
    const int32_t k = p->kh * p->kw * p->in_c;
    const int32_t w_zero = p->weights[p->out_c * k];
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            eq_taps(p, in, x, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left);
            const int32_t off = w_zero * sum(x, k);
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                const int32_t acc = dot(x, p->weights + oc * k, k) - off + p->bias[oc];
                const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                *out++ = (int8_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
