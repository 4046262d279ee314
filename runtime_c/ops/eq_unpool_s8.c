/* eq_unpool_s8 - values at the places of their windows, `zero` elsewhere, portable C. */
#include "eq_pool.h"

void eq_unpool_s8(const eq_unpool_s8_t *p, const int8_t *restrict in, const int8_t *restrict places,
                  int8_t *restrict out)
{
    const uint32_t size = (uint32_t)p->out_h * p->out_w * p->c;
    for (uint32_t i = 0; i < size; i++) {
        out[i] = p->zero;
    }
    for (int32_t iy = 0; iy < p->in_h; iy++) {
        for (int32_t ix = 0; ix < p->in_w; ix++) {
            for (int32_t ch = 0; ch < p->c; ch++, in++, places++) {
                const int32_t at = *places < 0 ? 0 : *places;
                const int32_t y = iy * p->stride_h - p->pad_top + at / p->kw;
                const int32_t x = ix * p->stride_w - p->pad_left + at % p->kw;
                if (y >= 0 && y < p->out_h && x >= 0 && x < p->out_w) {
                    out[(y * p->out_w + x) * p->c + ch] = *in;
                }
            }
        }
    }
}
