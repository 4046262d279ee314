/* eq_dwconv2d_s8wz - depthwise convolution whose weights have a zero point, portable C: it comes off
 * each weight before the product. */
#include "eq_conv.h"
#include "eq_requant.h"

/* The sum of output channel oc for the window that starts at (y0, x0). */
static int32_t window(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int32_t w_zero,
                      int32_t y0, int32_t x0, int32_t oc)
{
    const int8_t *w = p->weights + oc;
    const int32_t ic = oc / (p->out_c / p->in_c);
    int32_t acc = p->bias[oc];
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = y0 + ky * p->dil_h;
        for (int32_t kx = 0; kx < p->kw; kx++, w += p->out_c) {
            const int32_t x = x0 + kx * p->dil_w;
            const int32_t outside = y < 0 || y >= p->in_h || x < 0 || x >= p->in_w;
            const int32_t v = outside ? p->in_zero : in[(y * p->in_w + x) * p->in_c + ic];
            acc += v * (*w - w_zero);
        }
    }
    return acc;
}

void eq_dwconv2d_s8wz(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    const int32_t w_zero = p->weights[p->kh * p->kw * p->out_c];
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                const int32_t acc = window(p, in, w_zero, y0, x0, oc);
                const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                *out++ = (int8_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
