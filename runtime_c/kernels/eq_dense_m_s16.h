/* eq_dense_m_s16.h - the dense layer with 16-bit activations over eq_dot2_s16, which each ISA has.
 * Cortex-M.
 *
 * weights: for every 2 channels (in_c, 2) int8, filled up to a multiple of 4 bytes, then bias[2],
 * mult[2], shift[2] int32; out_c is filled up to a multiple of 2. */
#ifndef EQ_DENSE_M_S16_H
#define EQ_DENSE_M_S16_H

#include "eq_dense.h"
#include "eq_m_s16.h"

static inline void eq_dense_m_s16(const eq_dense_s16_t *p, const int16_t *restrict in,
                                  int16_t *restrict out)
{
    const int32_t in_c = p->in_c, bytes = 2 * (in_c + (in_c & 1));
    for (int32_t r = 0; r < p->rows; r++, in += in_c) {
        const int8_t *w = p->weights;
        for (int32_t oc = 0; oc < p->out_c; oc += 2, w += bytes + 24) {
            const int32_t *t = (const int32_t *)(const void *)(w + bytes);
            int32_t s[2];
            eq_dot2_s16(in, w, in_c, s);
            for (int32_t i = 0; i < 2 && oc + i < p->out_c; i++) {
                *out++ = eq_finish_s16(s[i] + t[i], t[2 + i], t[4 + i], p->act_min, p->act_max);
            }
        }
    }
}

#endif
