/* eq_gemm_w4_dsp.h - what the DSP layers with 4-bit weights share. Arm DSP ISA.
 *
 * A word holds eight weights; moved left by 4 j bits, the topmost four bits of its two halfwords are
 * weights n[3 - j] and n[7 - j] times 4096: one AND makes an SMLAD operand of them, without any
 * unpacking. The sums are exact multiples of 4096; the generator proves that they fit 32 bits.
 * Eight inputs become four words of two int16: (0, 2) (1, 3) (4, 6) (5, 7). */
#ifndef EQ_GEMM_W4_DSP_H
#define EQ_GEMM_W4_DSP_H

#include "eq_gemm_dsp.h"

/* As eq_gemm_dsp_t, with a word for every 8 taps. The stream, for every two channels c, d: words c0
 * d0 c1 d1 ..., twice the bias c, d, mult c, d, then right shift - 1 of c and d in a word. */
typedef struct {
    const int8_t *stream;
    int32_t words;  /* k / 8, rounded up */
    int32_t out_c;  /* even */
    int32_t zero2;  /* 2 * out_zero + 1 */
} eq_gemm_w4_dsp_t;

/* Outputs of three pixels, all channels, as eq_gemm3_s8_dsp; x: groups of (pixel 0 1 2), four for
 * each word of weights. */
void eq_gemm3_s8w4_dsp(const eq_gemm_w4_dsp_t *p, const uint32_t *x, int8_t *out, int32_t second,
                       int32_t third);

#endif
