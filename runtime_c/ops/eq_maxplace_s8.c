/* eq_maxplace_s8 - where in its window the maximum lies, portable C. */
#include "eq_pool_window.h"

static int8_t place(const eq_window_t *w, int32_t first, int32_t kw, int32_t ch)
{
    const int8_t *line = w->first + ch;
    int32_t best = *line, at = first;
    for (int32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = 0; i < w->cols; i++, x += w->c) {
            if (*x > best) {
                best = *x;
                at = first + y * kw + i;
            }
        }
    }
    return (int8_t)at;
}

void eq_maxplace_s8(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        const int32_t above = p->pad_top - oy * p->stride_h;
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            const int32_t left = p->pad_left - ox * p->stride_w;
            const int32_t first = (above > 0 ? above : 0) * p->kw + (left > 0 ? left : 0);
            for (int32_t ch = 0; ch < w.c; ch++) {
                *out++ = place(&w, first, p->kw, ch);
            }
        }
    }
}
