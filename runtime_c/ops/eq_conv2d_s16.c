/* eq_conv2d_s16 - convolution with 16-bit activations, portable C: padding is zero, so its taps are
 * left out; kernel rows without dilation are one dot product. */
#include "eq_conv.h"
#include "eq_dot_s16.h"
#include "eq_taps_s16.h"

/* One output channel, weights w, of the pixel whose window starts at (y0, x0). */
static int64_t channel(const eq_conv2d_s16_t *p, const int16_t *in, const int8_t *w, int32_t y0,
                       int32_t x0, eq_taps_s16_t rows, eq_taps_s16_t cols)
{
    const int32_t in_c = p->in_c;
    int64_t acc = 0;
    for (int32_t ky = rows.first; ky < rows.end; ky++) {
        const int16_t *line = in + (y0 + ky * p->dil_h) * p->in_w * in_c;
        const int8_t *v = w + ky * p->kw * in_c;
        if (p->dil_w == 1) {
            acc += eq_dot_s16(line + (x0 + cols.first) * in_c, v + cols.first * in_c,
                              (cols.end - cols.first) * in_c);
        } else {
            for (int32_t kx = cols.first; kx < cols.end; kx++) {
                acc += eq_dot_s16(line + (x0 + kx * p->dil_w) * in_c, v + kx * in_c, in_c);
            }
        }
    }
    return acc;
}

void eq_conv2d_s16(const eq_conv2d_s16_t *restrict p, const int16_t *in, int16_t *out,
                   void *scratch)
{
    const int32_t k = p->kh * p->kw * p->in_c;
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const eq_taps_s16_t rows = eq_taps_inside(y0, p->kh, p->dil_h, p->in_h);
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const eq_taps_s16_t cols = eq_taps_inside(x0, p->kw, p->dil_w, p->in_w);
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                const int64_t acc = channel(p, in, p->weights + oc * k, y0, x0, rows, cols);
                const int32_t y =
                    eq_requant_s16(acc + p->bias[oc], p->mult[oc], p->shift[oc]);
                *out++ = (int16_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
