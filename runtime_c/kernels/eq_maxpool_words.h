/* eq_maxpool_words.h - maximum pooling, four channels a word. ARMv7-M.
 *
 * Over eq_bytes4_<isa>.h, which the including file includes first. */
#ifndef EQ_MAXPOOL_WORDS_H
#define EQ_MAXPOOL_WORDS_H

#include "eq_pool_window.h"

/* 8 channels; the words of a window start at x. */
static inline void eight(const eq_window_t *w, const int8_t *line, uint32_t low, uint32_t high,
                         int8_t *out)
{
    uint32_t a = low, b = low;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            a = eq_max4(a, eq_load4(x));
            b = eq_max4(b, eq_load4(x + 4));
        }
    }
    eq_store4(out, eq_min4(a, high));
    eq_store4(out + 4, eq_min4(b, high));
}

static inline void four(const eq_window_t *w, const int8_t *line, uint32_t low, uint32_t high,
                        int8_t *out)
{
    uint32_t a = low;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            a = eq_max4(a, eq_load4(x));
        }
    }
    eq_store4(out, eq_min4(a, high));
}

static inline void one(const eq_window_t *w, const int8_t *line, int8_t low, int8_t high,
                       int8_t *out)
{
    int8_t a = low;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            a = *x > a ? *x : a;
        }
    }
    *out = a > high ? high : a;
}

static inline void eq_maxpool_words(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    const int8_t low = p->act_min, high = p->act_max;
    const uint32_t low4 = eq_four_of(low), high4 = eq_four_of(high);
    const int32_t c = p->c;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += c) {
            const eq_window_t w = eq_pool_window(p, in, oy, ox);
            int32_t ch = 0;
            for (; ch + 8 <= c; ch += 8) {
                eight(&w, w.first + ch, low4, high4, out + ch);
            }
            for (; ch + 4 <= c; ch += 4) {
                four(&w, w.first + ch, low4, high4, out + ch);
            }
            for (; ch < c; ch++) {
                one(&w, w.first + ch, low, high, out + ch);
            }
        }
    }
}

#endif
