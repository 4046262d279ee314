/* eq_maxpool_s8 - maximum pooling, portable C: four channels a pass. */
#include "eq_pool_window.h"

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int8_t at_most(int32_t x, int32_t high)
{
    return (int8_t)(x > high ? high : x);
}

static void four(const eq_window_t *w, int32_t low, int32_t high, int32_t ch, int8_t *out)
{
    int32_t m0 = low, m1 = low, m2 = low, m3 = low;
    const int8_t *line = w->first + ch;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            m0 = larger(m0, x[0]);
            m1 = larger(m1, x[1]);
            m2 = larger(m2, x[2]);
            m3 = larger(m3, x[3]);
        }
    }
    out[0] = at_most(m0, high);
    out[1] = at_most(m1, high);
    out[2] = at_most(m2, high);
    out[3] = at_most(m3, high);
}

static void one(const eq_window_t *w, int32_t low, int32_t high, int32_t ch, int8_t *out)
{
    int32_t m = low;
    const int8_t *line = w->first + ch;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            m = larger(m, *x);
        }
    }
    *out = at_most(m, high);
}

void eq_maxpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32_t low = p->act_min, high = p->act_max;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            int32_t ch = 0;
            for (; ch + 4 <= w.c; ch += 4) {
                four(&w, low, high, ch, out + ch);
            }
            for (; ch < w.c; ch++) {
                one(&w, low, high, ch, out + ch);
            }
            out += w.c;
        }
    }
}
