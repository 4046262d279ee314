/* eq_dwconv2d_f32.h - depthwise convolution in float32 between integers of type EQ_VALUE, portable C:
 * one sum an output, taps in the order of the weights, those in the padding left out (they add 0). */
#include "eq_f32.h"
#include "eq_taps_s16.h"

static void dwconv2d_f32(const eq_window_f32_t *restrict p, const EQ_VALUE *in, EQ_VALUE *out)
{
    const int32_t multiplier = p->out_c / p->in_c;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const eq_taps_s16_t rows = eq_taps_inside(y0, p->kh, p->dil_h, p->in_h);
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const eq_taps_s16_t cols = eq_taps_inside(x0, p->kw, p->dil_w, p->in_w);
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                float acc = p->bias[oc];
                for (int32_t ky = rows.first; ky < rows.end; ky++) {
                    for (int32_t kx = cols.first; kx < cols.end; kx++) {
                        const int32_t pixel = (y0 + ky * p->dil_h) * p->in_w + x0 + kx * p->dil_w;
                        acc = eq_add_f32(acc, in[pixel * p->in_c + oc / multiplier] - p->in_zero,
                                         p->weights[(ky * p->kw + kx) * p->out_c + oc]);
                    }
                }
                *out++ = (EQ_VALUE)eq_steps_f32(p, acc);
            }
        }
    }
}
