/* eq_avgpool_s8 - average pooling, portable C: four channels a pass, one division a window. */
#include "eq_ops.h"
#include "eq_requant.h"

/* A window clipped to the input: `rows` rows of `cols` pixels, row_step values from row to row. */
typedef struct {
    const int8_t *first;
    uint32_t rows, cols, c, row_step;
    uint32_t count, reciprocal;
} window_t;

/* n / count rounded down for n <= 129 * count; the reciprocal is 0 where it would not be exact. */
static uint32_t divide(uint32_t n, const window_t *w)
{
    return w->reciprocal != 0 ? (uint32_t)(((uint64_t)n * w->reciprocal) >> 32) : n / w->count;
}

static int8_t mean(const eq_pool_s8_t *p, const window_t *w, int32_t acc)
{
    const uint32_t half = w->count / 2;
    const int32_t y = acc > 0 ? (int32_t)divide((uint32_t)acc + half, w)
                              : -(int32_t)divide((uint32_t)-acc + half, w);
    return (int8_t)eq_clamp(y, p->act_min, p->act_max);
}

static void four(const eq_pool_s8_t *p, const window_t *w, uint32_t ch, int8_t *out)
{
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    const int8_t *line = w->first + ch;
    for (uint32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (uint32_t i = 0; i < w->cols; i++, x += w->c) {
            a0 += x[0];
            a1 += x[1];
            a2 += x[2];
            a3 += x[3];
        }
    }
    out[0] = mean(p, w, a0);
    out[1] = mean(p, w, a1);
    out[2] = mean(p, w, a2);
    out[3] = mean(p, w, a3);
}

static void one(const eq_pool_s8_t *p, const window_t *w, uint32_t ch, int8_t *out)
{
    int32_t acc = 0;
    const int8_t *line = w->first + ch;
    for (uint32_t y = 0; y < w->rows; y++, line += w->row_step) {
        const int8_t *x = line;
        for (uint32_t i = 0; i < w->cols; i++, x += w->c) {
            acc += *x;
        }
    }
    *out = mean(p, w, acc);
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
    w.count = w.rows * w.cols;
    /* exact while 129 * count^2 < 2^32 */
    w.reciprocal = w.count > 1 && w.count <= 5770 ? UINT32_MAX / w.count + 1 : 0;
    return w;
}

void eq_avgpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
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
