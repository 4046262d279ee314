/* eq_maxpool_s16 - maximum pooling with 16-bit activations, portable C. */
#include "eq_pool.h"
#include "eq_requant.h"

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

void eq_maxpool_s16(const eq_pool_s16_t *restrict p, const int16_t *in, int16_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const int32_t top = most(y0, 0), bottom = least(y0 + p->kh, p->in_h);
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const int32_t left = most(x0, 0), right = least(x0 + p->kw, p->in_w);
            for (int32_t c = 0; c < p->c; c++) {
                int32_t m = p->act_min;
                for (int32_t y = top; y < bottom; y++) {
                    for (int32_t x = left; x < right; x++) {
                        m = most(m, in[(y * p->in_w + x) * p->c + c]);
                    }
                }
                *out++ = (int16_t)least(m, p->act_max);
            }
        }
    }
}
