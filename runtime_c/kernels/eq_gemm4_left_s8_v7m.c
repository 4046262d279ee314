/* eq_gemm4_left_s8_v7m - matrix product of four pixels for any shift. ARMv7-M.
 *
 * A right shift by s of x with halves away from zero is (2 x + (x >> 31) + 2^s) >> (s + 1), which
 * holds for s = 0, too. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#define EQ_GEMM4_SHIFTS \
    "ldr r5, [lr], #4\n\t" \
    "ldr r8, [lr], #4\n\t"
#define EQ_GEMM4_FINISH(acc) \
    "lsl " acc ", " acc ", r8\n\t" \
    "smull r6, " acc ", " acc ", r4\n\t" \
    "add " acc ", " acc ", r6, lsr #31\n\t" \
    "asr r6, " acc ", #31\n\t" \
    "add " acc ", r6, " acc ", lsl #1\n\t" \
    "asr " acc ", " acc ", r5\n\t" \
    "add " acc ", " acc ", r7\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"
#include "eq_gemm4_v7m.h"

__attribute__((naked)) void eq_gemm4_left_s8_v7m(__attribute__((unused)) const eq_gemm_v7m_t *p,
                                                 __attribute__((unused)) const uint32_t *x,
                                                 __attribute__((unused)) int8_t *out,
                                                 __attribute__((unused)) const int32_t distance[3])
{
    EQ_GEMM4_BODY
}
#endif
