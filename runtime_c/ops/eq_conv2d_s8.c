/* eq_conv2d_s8 - convolution, portable C: taps outside the input read as in_zero, row by row. */
#include "eq_ops.h"
#include "eq_requant.h"

static int32_t dot(const int8_t *restrict x, const int8_t *restrict w, int32_t n)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < n; i++) {
        acc += (int32_t)x[i] * w[i];
    }
    return acc;
}

static int32_t sum(const int8_t *restrict w, int32_t n)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < n; i++) {
        acc += w[i];
    }
    return acc;
}

/* One output value: all taps of channel weights `w` at input position (y0, x0). */
static int32_t taps(const eq_conv2d_s8_t *p, const int8_t *restrict in, const int8_t *restrict w,
                    int32_t y0, int32_t x0)
{
    const int32_t in_c = p->in_c;
    int32_t acc = 0;
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = y0 + ky * p->dil_h;
        for (int32_t kx = 0; kx < p->kw; kx++, w += in_c) {
            const int32_t x = x0 + kx * p->dil_w;
            if (y >= 0 && y < p->in_h && x >= 0 && x < p->in_w) {
                acc += dot(in + (y * p->in_w + x) * in_c, w, in_c);
            } else {
                acc += p->in_zero * sum(w, in_c);
            }
        }
    }
    return acc;
}

void eq_conv2d_s8(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch)
{
    const int32_t k = (int32_t)p->kh * p->kw * p->in_c;
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t y0 = oy * p->stride_h - p->pad_top;
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            for (int32_t oc = 0; oc < p->out_c; oc++) {
                const int32_t acc = p->bias[oc] + taps(p, in, p->weights + oc * k, y0, x0);
                const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                *out++ = (int8_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
