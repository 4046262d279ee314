/* eq_dense_s8_dsp - dense layer: four channels by four inputs a step, 17 instructions. Arm DSP ISA.
 *
 * in_c is a multiple of 4. The arithmetic is that of eq_gemm_dsp.h; inputs are widened as they are
 * read, so there is no scratch. Weights, for every four channels: words of four weights by turns,
 * twice the corrected bias [4] (int32), mult[4] (int32), right shift - 1 [4] (int8); out_c is
 * filled up to a multiple of 4. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include <stdint.h>

/* r4-r7 accumulators, r8-r11 weights, r3 u, r12 v, r0 input, r1 stream, r2 counter,
 * lr 129 twice. */
#define STEP \
    "ldr r12, [r0], #4\n\t" \
    "ldmia r1!, {r8, r9, r10, r11}\n\t" \
    "sxtab16 r3, lr, r12, ror #8\n\t" \
    "eor r12, r12, #0x7F007F00\n\t" \
    "smlad r4, r8, r3, r4\n\t" \
    "smlad r5, r9, r3, r5\n\t" \
    "smlad r6, r10, r3, r6\n\t" \
    "smlad r7, r11, r3, r7\n\t" \
    "rev16 r12, r12\n\t" \
    "sxtb16 r8, r8\n\t" \
    "sxtb16 r9, r9\n\t" \
    "sxtb16 r10, r10\n\t" \
    "sxtb16 r11, r11\n\t" \
    "smlad r4, r8, r12, r4\n\t" \
    "smlad r5, r9, r12, r5\n\t" \
    "smlad r6, r10, r12, r6\n\t" \
    "smlad r7, r11, r12, r7\n\t"

/* int8 result of twice an accumulator; r2 holds 2 * zero + 1, r0 the shift. */
#define FINISH(acc, m) \
    "smmulr " acc ", " acc ", " m "\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", r0\n\t" \
    "add " acc ", " acc ", r2\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"

/* Four outputs as the bytes of a word. */
__attribute__((naked, noinline)) static uint32_t
four_channels(__attribute__((unused)) const int8_t *x, __attribute__((unused)) const int8_t *stream,
              __attribute__((unused)) int32_t words, __attribute__((unused)) int32_t zero2)
{
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "mov lr, #0x00810081\n\t"
        "mov r4, #0\n\t"
        "mov r5, #0\n\t"
        "mov r6, #0\n\t"
        "mov r7, #0\n\t"
        "subs r2, #4\n\t"
        "blt 2f\n"
        "1:\n\t" STEP STEP STEP STEP
        "subs r2, #4\n\t"
        "bge 1b\n"
        "2:\n\t"
        "adds r2, #4\n\t"
        "beq 4f\n"
        "3:\n\t" STEP
        "subs r2, #1\n\t"
        "bne 3b\n"
        "4:\n\t"
        "ldmia r1!, {r8, r9, r10, r11}\n\t"
        "add r4, r8, r4, asr #7\n\t"
        "add r5, r9, r5, asr #7\n\t"
        "add r6, r10, r6, asr #7\n\t"
        "add r7, r11, r7, asr #7\n\t"
        "ldmia r1!, {r8, r9, r10, r11}\n\t"
        "ldr r2, [sp]\n\t"
        "ldr r0, [r1]\n\t"
        FINISH("r4", "r8")
        "lsr r0, r0, #8\n\t"
        FINISH("r5", "r9")
        "lsr r0, r0, #8\n\t"
        FINISH("r6", "r10")
        "lsr r0, r0, #8\n\t"
        FINISH("r7", "r11")
        "bfi r4, r5, #8, #8\n\t"
        "bfi r4, r6, #16, #8\n\t"
        "bfi r4, r7, #24, #8\n\t"
        "mov r0, r4\n\t"
        "pop {r3-r11, pc}");
}

#include "eq_dense_dsp.h"

void eq_dense_s8_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch)
{
    (void)scratch;
    eq_dense_dsp(p, in, out, p->in_c / 4);
}
#endif
