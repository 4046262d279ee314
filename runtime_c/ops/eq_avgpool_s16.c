/* eq_avgpool_s16 - average pooling of 16-bit activations, portable C. */
#include "eq_pool.h"
#include "eq_requant.h"

void eq_avgpool_s16(const eq_pool_s16_t *restrict p, const int16_t *in, int16_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        const int32_t top = y0 > 0 ? y0 : 0;
        const int32_t bottom = y0 + p->kh < p->in_h ? y0 + p->kh : p->in_h;
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const int32_t x0 = ox * p->stride_w - p->pad_left;
            const int32_t left = x0 > 0 ? x0 : 0;
            const int32_t right = x0 + p->kw < p->in_w ? x0 + p->kw : p->in_w;
            const int32_t count = (bottom - top) * (right - left);
            for (int32_t c = 0; c < p->c; c++) {
                int64_t acc = 0;
                for (int32_t y = top; y < bottom; y++) {
                    for (int32_t x = left; x < right; x++) {
                        acc += in[(y * p->in_w + x) * p->c + c];
                    }
                }
                acc += acc > 0 ? count / 2 : -(count / 2);
                *out++ = (int16_t)eq_clamp((int32_t)(acc / count), p->act_min, p->act_max);
            }
        }
    }
}
