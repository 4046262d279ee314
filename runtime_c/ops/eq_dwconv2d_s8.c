/* eq_dwconv2d_s8 - depthwise convolution, portable C: blocks of 16 channels, one accumulator a
 * channel, all taps of a block before the next. */
#include "eq_conv.h"
#include "eq_requant.h"

enum { BLOCK = 16 };

/* acc[c] += x[c] * w[c] for `n` <= BLOCK channels. */
static void tap(int32_t *restrict acc, const int8_t *restrict x, const int8_t *restrict w,
                int32_t n)
{
    if (n == BLOCK) {
        for (int32_t c = 0; c < BLOCK; c++) {
            acc[c] += x[c] * w[c];
        }
    } else {
        for (int32_t c = 0; c < n; c++) {
            acc[c] += x[c] * w[c];
        }
    }
}

/* The inputs of output channels c0 .. c0 + n - 1 at one tap: `multiplier` outputs an input. */
static const int8_t *inputs(const eq_dwconv2d_s8_t *p, const int8_t *restrict pixel,
                            int8_t *restrict spread, int32_t c0, int32_t n)
{
    const int32_t multiplier = p->out_c / p->in_c;
    int32_t ic = c0 / multiplier;
    int32_t left = (ic + 1) * multiplier - c0;
    if (multiplier == 1) {
        return pixel + c0;
    }
    for (int32_t c = 0; c < n; c++) {
        spread[c] = pixel[ic];
        if (--left == 0) {
            left = multiplier;
            ic++;
        }
    }
    return spread;
}

/* Channels c0 .. c0 + n - 1 of the pixel whose window starts at (y0, x0). */
static void block(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  int32_t y0, int32_t x0, int32_t c0, int32_t n)
{
    int32_t acc[BLOCK];
    int8_t spread[BLOCK], zero[BLOCK];
    const int8_t *w = p->weights + c0;
    for (int32_t c = 0; c < n; c++) {
        acc[c] = p->bias[c0 + c];
        zero[c] = p->in_zero;
    }
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = y0 + ky * p->dil_h;
        for (int32_t kx = 0; kx < p->kw; kx++, w += p->out_c) {
            const int32_t x = x0 + kx * p->dil_w;
            if (y < 0 || y >= p->in_h || x < 0 || x >= p->in_w) {
                tap(acc, zero, w, n);
            } else {
                tap(acc, inputs(p, in + (y * p->in_w + x) * p->in_c, spread, c0, n), w, n);
            }
        }
    }
    for (int32_t c = 0; c < n; c++) {
        const int32_t oc = c0 + c;
        const int32_t y = eq_requant(acc[c], p->mult[oc], p->shift[oc]) + p->out_zero;
        out[oc] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
    }
}

void eq_dwconv2d_s8(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            for (int32_t c0 = 0; c0 < p->out_c; c0 += BLOCK) {
                const int32_t rest = p->out_c - c0;
                block(p, in, out, y0, x0, c0, rest < BLOCK ? rest : BLOCK);
            }
        }
    }
}
