/* eq_maxpool_s8 - maximum pooling, portable C: four channels a pass. */
#include "eq_ops.h"
#include "eq_requant.h"

/* A window clipped to the input: `rows` rows of `cols` pixels, row_step values from row to row. */
typedef struct {
    const int8_t *first;
    uint32_t rows, cols, c, row_step;
} window_t;

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void four(const eq_pool_s8_t *p, const window_t *w, uint32_t ch, int8_t *out)
{
    int32_t m0 = p->act_min, m1 = m0, m2 = m0, m3 = m0;
    const int8_t *line = w->first + ch;
    for (uint32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (uint32_t i = 0; i < w->cols; i++, x += w->c) {
            m0 = larger(m0, x[0]);
            m1 = larger(m1, x[1]);
            m2 = larger(m2, x[2]);
            m3 = larger(m3, x[3]);
        }
    }
    out[0] = (int8_t)eq_clamp(m0, p->act_min, p->act_max);
    out[1] = (int8_t)eq_clamp(m1, p->act_min, p->act_max);
    out[2] = (int8_t)eq_clamp(m2, p->act_min, p->act_max);
    out[3] = (int8_t)eq_clamp(m3, p->act_min, p->act_max);
}

static void one(const eq_pool_s8_t *p, const window_t *w, uint32_t ch, int8_t *out)
{
    int32_t m = p->act_min;
    const int8_t *line = w->first + ch;
    for (uint32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (uint32_t i = 0; i < w->cols; i++, x += w->c) {
            m = larger(m, *x);
        }
    }
    *out = (int8_t)eq_clamp(m, p->act_min, p->act_max);
}

static window_t clip(const eq_pool_s8_t *p, const int8_t *in, int32_t y0, int32_t x0)
{
    const int32_t top = y0 > 0 ? y0 : 0;
    const int32_t left = x0 > 0 ? x0 : 0;
    const int32_t bottom = y0 + p->kh < p->in_h ? y0 + p->kh : p->in_h;
    const int32_t right = x0 + p->kw < p->in_w ? x0 + p->kw : p->in_w;
    window_t w;
    w.first = in + (top * p->in_w + left) * p->c;
    w.rows = (uint32_t)(bottom - top);
    w.cols = (uint32_t)(right - left);
    w.c = p->c;
    w.row_step = (uint32_t)p->in_w * p->c;
    return w;
}

void eq_maxpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const window_t w = clip(p, in, oy * p->stride_h - p->pad_top,
                                    ox * p->stride_w - p->pad_left);
            uint32_t ch = 0;
            for (; ch + 4 <= p->c; ch += 4) {
                four(p, &w, ch, out + ch);
            }
            for (; ch < p->c; ch++) {
                one(p, &w, ch, out + ch);
            }
            out += p->c;
        }
    }
}
