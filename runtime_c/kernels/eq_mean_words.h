/* eq_mean_words.h - mean or sum over the middle axis, four sums in two words. ARMv7-M.
 *
 * Over eq_bytes4_<isa>.h and eq_scale_<isa>.h, which the including file includes first. */
#ifndef EQ_MEAN_WORDS_H
#define EQ_MEAN_WORDS_H

#include "eq_pool.h"
#include "eq_sums4.h"

static int8_t finish(const eq_scale_t *k, int32_t acc, int32_t zero)
{
    return eq_saturated(eq_scaled(k, acc) + zero);
}

static inline void eq_mean_words(const eq_mean_s8_t *p, const int8_t *restrict in,
                                 int8_t *restrict out)
{
    const eq_scale_t k = eq_scale(p->mult, p->shift);
    const int32_t n = (int32_t)p->n, inner = (int32_t)p->inner, bias = p->bias, zero = p->out_zero;
    for (uint32_t o = p->outer; o > 0; o--, in += n * inner, out += inner) {
        int32_t i = 0;
        for (; i + 8 <= inner; i += 8) {
            int32_t acc[8] = {bias, bias, bias, bias, bias, bias, bias, bias};
            eq_sum8(in + i, n, inner, acc);
            for (int32_t j = 0; j < 8; j++) {
                out[i + j] = finish(&k, acc[j], zero);
            }
        }
        for (; i + 4 <= inner; i += 4) {
            int32_t acc[4] = {bias, bias, bias, bias};
            eq_sum4(in + i, n, inner, acc);
            for (int32_t j = 0; j < 4; j++) {
                out[i + j] = finish(&k, acc[j], zero);
            }
        }
        for (; i < inner; i++) {
            const int8_t *x = in + i;
            int32_t acc = bias;
            for (int32_t j = n; j > 0; j--, x += inner) {
                acc += *x;
            }
            out[i] = finish(&k, acc, zero);
        }
    }
}

#endif
