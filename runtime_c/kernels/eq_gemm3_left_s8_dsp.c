/* eq_gemm3_left_s8_dsp - matrix product of three pixels for any shift. Arm DSP ISA.
 *
 * The sums are 256 times too large, so that a left shift by n <= 7 is a right shift by 7 - n. A
 * right shift by s of x with halves away from zero is (2 x + (x >> 31) + 2^s) >> (s + 1). */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#define RAISE(acc, b, m) \
    "asr " acc ", " acc ", r12\n\t" \
    "add " acc ", " acc ", " b "\n\t" \
    "smmulr " acc ", " acc ", " m "\n\t"
#define ROUND(acc) \
    "asr r12, " acc ", #31\n\t" \
    "add " acc ", r12, " acc ", lsl #1\n\t" \
    "asr " acc ", " acc ", r8\n\t" \
    "add " acc ", " acc ", r9\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"
#define EQ_GEMM3_FINISH(a, b, c, bias, mult) \
    "lsr r12, r8, #16\n\t" \
    RAISE(a, bias, mult) RAISE(b, bias, mult) RAISE(c, bias, mult) ROUND(a) ROUND(b) ROUND(c)
#include "eq_gemm3_dsp.h"

__attribute__((naked)) void eq_gemm3_left_s8_dsp(__attribute__((unused)) const eq_gemm_dsp_t *p,
                                                 __attribute__((unused)) const uint32_t *x,
                                                 __attribute__((unused)) int8_t *out,
                                                 __attribute__((unused)) int32_t second,
                                                 __attribute__((unused)) int32_t third)
{
    EQ_GEMM3_BODY
}
#endif
