/* eq_avgpool_s8 - average pooling, portable C: four channels a pass. */
#include "eq_pool_mean.h"
#include "eq_pool_window.h"

static void four(const eq_window_t *w, const eq_mean_t *k, int32_t ch, int8_t *out)
{
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    const int8_t *line = w->first + ch;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            a0 += x[0];
            a1 += x[1];
            a2 += x[2];
            a3 += x[3];
        }
    }
    out[0] = eq_mean_of(k, a0);
    out[1] = eq_mean_of(k, a1);
    out[2] = eq_mean_of(k, a2);
    out[3] = eq_mean_of(k, a3);
}

static void one(const eq_window_t *w, const eq_mean_t *k, int32_t ch, int8_t *out)
{
    int32_t acc = 0;
    const int8_t *line = w->first + ch;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            acc += *x;
        }
    }
    *out = eq_mean_of(k, acc);
}

void eq_avgpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            const eq_mean_t k = eq_pool_mean(w.rows * w.cols, p->act_min, p->act_max);
            int32_t ch = 0;
            for (; ch + 4 <= w.c; ch += 4) {
                four(&w, &k, ch, out + ch);
            }
            for (; ch < w.c; ch++) {
                one(&w, &k, ch, out + ch);
            }
            out += w.c;
        }
    }
}
