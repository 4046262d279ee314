/* eq_tconv2d_s16 - transposed convolution with 16-bit activations, portable C: each output
 * gathers the taps that reach it. */
#include "eq_conv.h"
#include "eq_dot_s16.h"
#include "eq_tconv_taps.h"

static int64_t sum(const eq_tconv2d_s16_t *p, const int16_t *in, const int8_t *w, eq_tconv_taps_t v,
                   eq_tconv_taps_t u)
{
    const int32_t c = p->in_c;
    int64_t acc = 0;
    for (int32_t ky = v.first, iy = v.in; ky <= v.last; ky += p->stride_h, iy--) {
        for (int32_t kx = u.first, ix = u.in; kx <= u.last; kx += p->stride_w, ix--) {
            acc += eq_dot_s16(in + (iy * p->in_w + ix) * c, w + (ky * p->kw + kx) * c, c);
        }
    }
    return acc;
}

void eq_tconv2d_s16(const eq_tconv2d_s16_t *p, const int16_t *restrict in, int16_t *restrict out)
{
    const int32_t each = p->kh * p->kw * p->in_c;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const eq_tconv_taps_t v = eq_tconv_taps(oy, p->pad_top, p->stride_h, p->in_h, p->kh);
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const eq_tconv_taps_t u = eq_tconv_taps(ox, p->pad_left, p->stride_w, p->in_w, p->kw);
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                const int64_t acc = sum(p, in, p->weights + oc * each, v, u) + p->bias[oc];
                const int32_t y = eq_requant_s16(acc, p->mult[oc], p->shift[oc]);
                *out++ = (int16_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
