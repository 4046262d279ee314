/* eq_dense_dsp.h - the dense layer over four_channels, which each kernel has: the bytes of a word are
 * the outputs of four channels, from `words` words of weights for each, then their tables, 36 bytes.
 * Arm DSP ISA. */
#ifndef EQ_DENSE_DSP_H
#define EQ_DENSE_DSP_H

#include "eq_dense.h"
#include "eq_gemm_dsp.h"

static inline void eq_dense_dsp(const eq_dense_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out, int32_t words)
{
    const int32_t in_c = p->in_c, out_c = p->out_c, zero2 = 2 * p->out_zero + 1;
    for (int32_t row = 0; row < p->rows; row++) {
        const int8_t *stream = p->weights;
        int8_t *to = out;
        for (int32_t left = out_c; left > 0; left -= 4, stream += 16 * words + 36, to += 4) {
            uint32_t y = four_channels(in, stream, words, zero2);
            if (left >= 4) {
                eq_store4(to, y);
            } else {
                for (int32_t i = 0; i < left; i++, y >>= 8) {
                    to[i] = (int8_t)(uint8_t)y;
                }
            }
        }
        eq_clamp_dsp(out, out_c, p->act_min, p->act_max);
        in += in_c;
        out += out_c;
    }
}

#endif
