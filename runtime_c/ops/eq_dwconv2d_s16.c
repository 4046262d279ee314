/* eq_dwconv2d_s16 - depthwise convolution with 16-bit activations, portable C: padding is zero, so
 * its taps are left out. */
#include "eq_conv.h"
#include "eq_dot_s16.h"

void eq_dwconv2d_s16(const eq_dwconv2d_s16_t *restrict p, const int16_t *in, int16_t *out,
                     void *scratch)
{
    const int32_t multiplier = p->out_c / p->in_c;
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                int64_t acc = p->bias[oc];
                for (int32_t ky = 0; ky < p->kh; ky++) {
                    const int32_t y = y0 + ky * p->dil_h;
                    for (int32_t kx = 0; y >= 0 && y < p->in_h && kx < p->kw; kx++) {
                        const int32_t x = x0 + kx * p->dil_w;
                        if (x >= 0 && x < p->in_w) {
                            acc += in[(y * p->in_w + x) * p->in_c + oc / multiplier]
                                   * p->weights[(ky * p->kw + kx) * p->out_c + oc];
                        }
                    }
                }
                const int32_t v = eq_requant_s16(acc, p->mult[oc], p->shift[oc]);
                *out++ = (int16_t)eq_clamp(v, p->act_min, p->act_max);
            }
        }
    }
}
