/* eq_pool_window.h - the window of a pooling layer, clipped to the input. Any ISA. */
#ifndef EQ_POOL_WINDOW_H
#define EQ_POOL_WINDOW_H

#include "eq_pool.h"

/* `rows` rows of `cols` pixels; pixels lie c values apart, rows row_step. */
typedef struct {
    const int8_t *first;
    int32_t rows, cols, c, row_step;
} eq_window_t;

/* The window of output pixel (oy, ox). */
static inline eq_window_t eq_pool_window(const eq_pool_s8_t *p, const int8_t *in, int32_t oy,
                                         int32_t ox)
{
    const int32_t y0 = oy * p->stride_h - p->pad_top, x0 = ox * p->stride_w - p->pad_left;
    const int32_t top = y0 > 0 ? y0 : 0, left = x0 > 0 ? x0 : 0;
    const int32_t bottom = y0 + p->kh < p->in_h ? y0 + p->kh : p->in_h;
    const int32_t right = x0 + p->kw < p->in_w ? x0 + p->kw : p->in_w;
    const eq_window_t w = {
        in + (top * p->in_w + left) * p->c, bottom - top, right - left, p->c, p->in_w * p->c,
    };
    return w;
}

#endif
