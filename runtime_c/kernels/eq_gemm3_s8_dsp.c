/* eq_gemm3_s8_dsp - matrix product of three pixels for right shifts of 1 or more. Arm DSP ISA. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
/* Bias b, multiplier m, right shift r8 + 1 half away from zero, zero point, saturation. */
#define ONE(acc, b, m) \
    "add " acc ", " b ", " acc ", asr #7\n\t" \
    "smmulr " acc ", " acc ", " m "\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", r8\n\t" \
    "add " acc ", " acc ", r9\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"
#define EQ_GEMM3_FINISH(a, b, c, bias, mult) \
    ONE(a, bias, mult) ONE(b, bias, mult) ONE(c, bias, mult)
#include "eq_gemm3_dsp.h"

__attribute__((naked)) void eq_gemm3_s8_dsp(__attribute__((unused)) const eq_gemm_dsp_t *p,
                                            __attribute__((unused)) const uint32_t *x,
                                            __attribute__((unused)) int8_t *out,
                                            __attribute__((unused)) int32_t second,
                                            __attribute__((unused)) int32_t third)
{
    EQ_GEMM3_BODY
}
#endif
