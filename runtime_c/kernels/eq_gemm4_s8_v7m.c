/* eq_gemm4_s8_v7m - matrix product of four pixels for right shifts of 1 or more. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#define EQ_GEMM4_SHIFTS "ldr r5, [lr], #4\n\t"
#define EQ_GEMM4_FINISH(acc) \
    "lsl " acc ", " acc ", #1\n\t" \
    "smull r6, " acc ", " acc ", r4\n\t" \
    "add " acc ", " acc ", r6, lsr #31\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", r5\n\t" \
    "add " acc ", " acc ", r7\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"
#include "eq_gemm4_v7m.h"

__attribute__((naked)) void eq_gemm4_s8_v7m(__attribute__((unused)) const eq_gemm_v7m_t *p,
                                            __attribute__((unused)) const uint32_t *x,
                                            __attribute__((unused)) int8_t *out,
                                            __attribute__((unused)) const int32_t distance[3])
{
    EQ_GEMM4_BODY
}
#endif
