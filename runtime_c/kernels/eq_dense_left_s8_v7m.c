/* eq_dense_left_s8_v7m - dense layer for any shift, eq_dense_v7m.h. ARMv7-M.
 *
 * Its shifts are right shift [8], left shift + 1 [8]. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#define EQ_DENSE_TABLES 80
#define EQ_DENSE_FINISH(acc, right, left) \
    "ldrsb r3, [r1, #" left "]\n\t" \
    "ldr r2, [r1], #4\n\t" \
    "lsl " acc ", " acc ", r3\n\t" \
    "smull r3, " acc ", " acc ", r2\n\t" \
    "ldrsb r2, [r1, #" right "]\n\t" \
    "add " acc ", " acc ", r3, lsr #31\n\t" \
    "asr r3, " acc ", #31\n\t" \
    "add " acc ", r3, " acc ", lsl #1\n\t" \
    "asr " acc ", " acc ", r2\n\t" \
    "add " acc ", " acc ", r12\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t" \
    "strb " acc ", [lr], #1\n\t"
#include "eq_dense_v7m.h"

void eq_dense_left_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch)
{
    (void)scratch;
    eq_dense_v7m(p, in, out);
}
#endif
