/* eq_gemm3_s8w4_dsp - three pixels by two channels, 4-bit weights: 43 instructions a 48 MACs. DSP.
 *
 * All 14 registers carry the inner loop, hence one naked function: r0-r2 accumulators of channel c,
 * r3 r10 r11 of channel d, r4-r6 inputs, r7 r12 weights, r9 an operand, r8 input pointer, lr weight
 * stream. Stack: x, its end, out, second, third, zero2, the end of the outputs, an odd step? */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_w4_dsp.h"

#define GROUP \
    "ldmia r8!, {r4, r5, r6}\n\t" \
    "and r9, r7, #0xF000F000\n\t" \
    "smlad r0, r9, r4, r0\n\t" \
    "smlad r1, r9, r5, r1\n\t" \
    "smlad r2, r9, r6, r2\n\t" \
    "and r9, r12, #0xF000F000\n\t" \
    "smlad r3, r9, r4, r3\n\t" \
    "smlad r10, r9, r5, r10\n\t" \
    "smlad r11, r9, r6, r11\n\t"
#define NEXT \
    "lsl r7, r7, #4\n\t" \
    "lsl r12, r12, #4\n\t"
/* Eight k of two channels and three pixels. */
#define STEP "ldrd r7, r12, [lr], #8\n\t.rept 3\n\t" GROUP NEXT ".endr\n\t" GROUP

/* As in eq_gemm3_s8_dsp.c, from 4096 times the sum. */
#define FINISH(acc, b, m, s) \
    "add " acc ", " b ", " acc ", asr #11\n\t" \
    "smmulr " acc ", " acc ", " m "\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", " s "\n\t" \
    "add " acc ", " acc ", r9\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"

__attribute__((naked)) void eq_gemm3_s8w4_dsp(__attribute__((unused)) const eq_gemm_w4_dsp_t *p,
                                              __attribute__((unused)) const uint32_t *x,
                                              __attribute__((unused)) int8_t *out,
                                              __attribute__((unused)) int32_t second,
                                              __attribute__((unused)) int32_t third)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r4, [sp, #36]\n\t" /* third */
        "sub sp, #32\n\t"
        "ldm r0, {r5, r6, r7, r8}\n\t" /* stream, words, out_c, zero2 */
        "and r9, r6, #1\n\t"
        "add r6, r6, r6, lsl #1\n\t"
        "add r6, r1, r6, lsl #4\n\t" /* 48 bytes a word */
        "strd r1, r6, [sp, #0]\n\t"
        "strd r2, r3, [sp, #8]\n\t"
        "strd r4, r8, [sp, #16]\n\t"
        "add r2, r7\n\t"
        "strd r2, r9, [sp, #24]\n\t"
        "mov lr, r5\n"
        "1:\n\t"
        "ldr r8, [sp, #0]\n\t"
        "ldr r4, [sp, #28]\n\t"
        "mov r0, #0\n\t"
        "mov r1, #0\n\t"
        "mov r2, #0\n\t"
        "mov r3, #0\n\t"
        "mov r10, #0\n\t"
        "mov r11, #0\n\t"
        "cmp r4, #0\n\t"
        "beq.w 2f\n\t"
        STEP
        "b.w 3f\n"
        "2:\n\t.rept 2\n\t" STEP ".endr\n"
        "3:\n\t"
        "ldr r4, [sp, #4]\n\t"
        "cmp r8, r4\n\t"
        "bne.w 2b\n\t"
        "ldmia lr!, {r4, r5, r6, r7, r8}\n\t" /* bias, mult, shifts */
        "ldr r9, [sp, #20]\n\t"
        FINISH("r0", "r4", "r6", "r8") FINISH("r1", "r4", "r6", "r8") FINISH("r2", "r4", "r6", "r8")
        "lsr r8, r8, #8\n\t"
        FINISH("r3", "r5", "r7", "r8")
        FINISH("r10", "r5", "r7", "r8")
        FINISH("r11", "r5", "r7", "r8")
        "ldrd r5, r6, [sp, #8]\n\t"
        "ldr r4, [sp, #16]\n\t"
        "bfi r0, r3, #8, #8\n\t"
        "bfi r1, r10, #8, #8\n\t"
        "bfi r2, r11, #8, #8\n\t"
        "strh r2, [r5, r4]\n\t"
        "strh r1, [r5, r6]\n\t"
        "ldr r7, [sp, #24]\n\t"
        "strh r0, [r5], #2\n\t"
        "str r5, [sp, #8]\n\t"
        "cmp r5, r7\n\t"
        "bne.w 1b\n\t"
        "add sp, #32\n\t"
        "pop {r4-r11, pc}");
}
#endif
