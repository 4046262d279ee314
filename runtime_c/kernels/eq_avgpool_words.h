/* eq_avgpool_words.h - average pooling, four sums in two words. ARMv7-M.
 *
 * Over eq_bytes4_<isa>.h, which the including file includes first. */
#ifndef EQ_AVGPOOL_WORDS_H
#define EQ_AVGPOOL_WORDS_H

#include "eq_pool_mean.h"
#include "eq_pool_window.h"
#include "eq_sums4.h"

enum { LONG = 8 }; /* pixels of a row that are worth a loop of their own */

static void put(const eq_mean_t *k, const int32_t *acc, int8_t *out)
{
    for (int32_t i = 0; i < 4; i++) {
        out[i] = eq_mean_of(k, acc[i]);
    }
}

/* sum / count as eq_mean_of with a reciprocal; means of int8 need no clamp. */
static inline int8_t mean_of(const eq_mean_t *k, int32_t sum)
{
    const uint32_t n = (uint32_t)(sum + ((sum >> 31) & k->even) + k->bias);
    return (int8_t)(((n * k->reciprocal) >> 23) - 128);
}

/* All groups of four channels of a window that has a reciprocal. */
static inline int32_t small(const eq_window_t *w, const eq_mean_t *params, int8_t *out)
{
    const eq_mean_t k = *params;
    const int32_t c = w->c, rows = w->rows, cols = w->cols, gap = w->row_step - cols * c;
    int32_t ch = 0;
    for (; ch + 4 <= c; ch += 4) {
        eq_sums4_t s = {0, 0};
        const int8_t *x = w->first + ch;
        for (int32_t y = rows; y > 0; y--, x += gap) {
            for (int32_t i = cols; i > 0; i--, x += c) {
                s = eq_add4(s, eq_load4(x));
            }
        }
        int32_t acc[4] = {0, 0, 0, 0};
        eq_spill4(s, rows * cols, acc);
        out[ch] = mean_of(&k, acc[0]);
        out[ch + 1] = mean_of(&k, acc[1]);
        out[ch + 2] = mean_of(&k, acc[2]);
        out[ch + 3] = mean_of(&k, acc[3]);
    }
    for (int32_t i = 0; i < ch && (k.low > INT8_MIN || k.high < INT8_MAX); i += 4) {
        const uint32_t y = eq_max4(eq_load4(out + i), eq_four_of(k.low));
        eq_store4(out + i, eq_min4(y, eq_four_of(k.high)));
    }
    return ch;
}

/* Any window, long rows. */
static void eight(const eq_window_t *w, const eq_mean_t *k, const int8_t *line, int8_t *out)
{
    int32_t acc[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        eq_sum8(line, w->cols, w->c, acc);
    }
    put(k, acc, out);
    put(k, acc + 4, out + 4);
}

static void four(const eq_window_t *w, const eq_mean_t *k, const int8_t *line, int8_t *out)
{
    int32_t acc[4] = {0, 0, 0, 0};
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        eq_sum4(line, w->cols, w->c, acc);
    }
    put(k, acc, out);
}

static void one(const eq_window_t *w, const eq_mean_t *k, const int8_t *line, int8_t *out)
{
    int32_t acc = 0;
    for (int32_t y = w->rows; y > 0; y--, line += w->row_step) {
        const int8_t *x = line;
        for (int32_t i = w->cols; i > 0; i--, x += w->c) {
            acc += *x;
        }
    }
    *out = eq_mean_of(k, acc);
}

static inline void eq_avgpool_words(const eq_pool_s8_t *p, const int8_t *in, int8_t *out)
{
    const int32_t c = p->c;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += c) {
            eq_window_t w = eq_pool_window(p, in, oy, ox);
            const eq_mean_t k = eq_pool_mean(w.rows * w.cols, p->act_min, p->act_max);
            if (w.row_step == w.cols * c) { /* whole rows are one long row */
                w.cols *= w.rows;
                w.rows = 1;
            }
            int32_t ch = 0;
            for (; ch + 8 <= c && w.cols >= LONG; ch += 8) {
                eight(&w, &k, w.first + ch, out + ch);
            }
            if (w.cols < LONG && k.reciprocal != 0) {
                ch = small(&w, &k, out);
            }
            for (; ch + 4 <= c; ch += 4) {
                four(&w, &k, w.first + ch, out + ch);
            }
            for (; ch < c; ch++) {
                one(&w, &k, w.first + ch, out + ch);
            }
        }
    }
}

#endif
