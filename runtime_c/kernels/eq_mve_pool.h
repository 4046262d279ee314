/* eq_mve_pool.h - the window of a pooling layer, clipped to the input. Any ISA; used by MVE. */
#ifndef EQ_MVE_POOL_H
#define EQ_MVE_POOL_H

#include "eq_ops.h"

typedef struct {
    const int8_t *first;
    int32_t rows, cols;
} eq_mve_window_t;

static inline eq_mve_window_t eq_mve_window(const eq_pool_s8_t *p, const int8_t *in, int32_t oy,
                                            int32_t ox)
{
    const int32_t y0 = oy * p->stride_h - p->pad_top, x0 = ox * p->stride_w - p->pad_left;
    const int32_t top = y0 > 0 ? y0 : 0, left = x0 > 0 ? x0 : 0;
    const int32_t bottom = y0 + p->kh < p->in_h ? y0 + p->kh : p->in_h;
    const int32_t right = x0 + p->kw < p->in_w ? x0 + p->kw : p->in_w;
    const eq_mve_window_t w = {
        .first = in + (top * p->in_w + left) * p->c, .rows = bottom - top, .cols = right - left,
    };
    return w;
}

#endif
