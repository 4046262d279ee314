/* eq_conv2d_f32.h - convolution in float32 between integers of type EQ_VALUE, portable C: one sum an
 * output, taps in the order of the weights, those in the padding left out (they would add 0). */
#include "eq_f32.h"
#include "eq_taps_s16.h"

static void conv2d_f32(const eq_window_f32_t *restrict p, const EQ_VALUE *in, EQ_VALUE *out)
{
    const int32_t in_c = p->in_c, in_zero = p->in_zero;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const eq_taps_s16_t rows = eq_taps_inside(y0, p->kh, p->dil_h, p->in_h);
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const eq_taps_s16_t cols = eq_taps_inside(x0, p->kw, p->dil_w, p->in_w);
            /* without dilation a row of taps is one run of values */
            const int32_t taps = p->dil_w == 1 ? cols.end - cols.first : 1;
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                float acc = p->bias[oc];
                for (int32_t ky = rows.first; ky < rows.end; ky++) {
                    for (int32_t kx = cols.first; kx < cols.end; kx += taps) {
                        const EQ_VALUE *x =
                            in + ((y0 + ky * p->dil_h) * p->in_w + x0 + kx * p->dil_w) * in_c;
                        const float *w = p->weights + ((oc * p->kh + ky) * p->kw + kx) * in_c;
                        for (int32_t i = 0; i < taps * in_c; i++) {
                            acc = eq_add_f32(acc, x[i] - in_zero, w[i]);
                        }
                    }
                }
                *out++ = (EQ_VALUE)eq_steps_f32(p, acc);
            }
        }
    }
}
