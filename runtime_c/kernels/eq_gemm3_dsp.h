/* eq_gemm3_dsp.h - three pixels by two channels a step, 17 instructions a 24 MACs. Arm DSP ISA.
 *
 * Included by one product each, which has defined EQ_GEMM3_FINISH(a, b, c, bias, mult), the text
 * that makes the three accumulators of a channel its int8 results: byte 0 of r8 is its right
 * shift, byte 2 its second one, r9 2 * zero + 1, r12 free.
 *
 * All 14 registers carry the inner loop, more than compilers manage, hence one naked function:
 * r0-r2 accumulators of channel c, r3 r10 r11 of channel d, r4-r6 inputs, r7 r12 weights,
 * r8 input pointer, r9 counter, lr weight stream. Stack: x, words, out, second, third, zero2 and
 * the end of the outputs. */
#ifndef EQ_GEMM3_DSP_H
#define EQ_GEMM3_DSP_H

#include "eq_gemm_dsp.h"

/* Four k of two channels and three pixels. */
#define STEP \
    "ldmia r8!, {r4, r5, r6}\n\t" \
    "ldrd r7, r12, [lr], #8\n\t" \
    "smlad r0, r7, r4, r0\n\t" \
    "smlad r1, r7, r5, r1\n\t" \
    "smlad r2, r7, r6, r2\n\t" \
    "smlad r3, r12, r4, r3\n\t" \
    "smlad r10, r12, r5, r10\n\t" \
    "smlad r11, r12, r6, r11\n\t" \
    "ldmia r8!, {r4, r5, r6}\n\t" \
    "sxtb16 r7, r7\n\t" \
    "sxtb16 r12, r12\n\t" \
    "smlad r0, r7, r4, r0\n\t" \
    "smlad r1, r7, r5, r1\n\t" \
    "smlad r2, r7, r6, r2\n\t" \
    "smlad r3, r12, r4, r3\n\t" \
    "smlad r10, r12, r5, r10\n\t" \
    "smlad r11, r12, r6, r11\n\t"

/* The whole body of a product. */
#define EQ_GEMM3_BODY \
    __asm__ volatile( \
        "push {r4-r11, lr}\n\t" \
        "ldr r4, [sp, #36]\n\t" /* third */ \
        "sub sp, #28\n\t" \
        "ldm r0, {r5, r6, r7, r8}\n\t" /* stream, words, out_c, zero2 */ \
        "strd r1, r6, [sp, #0]\n\t" \
        "strd r2, r3, [sp, #8]\n\t" \
        "strd r4, r8, [sp, #16]\n\t" \
        "add r2, r7\n\t" \
        "str r2, [sp, #24]\n\t" \
        "mov lr, r5\n" \
        "1:\n\t" \
        "ldrd r8, r9, [sp, #0]\n\t" \
        "mov r0, #0\n\t" \
        "mov r1, #0\n\t" \
        "mov r2, #0\n\t" \
        "mov r3, #0\n\t" \
        "mov r10, #0\n\t" \
        "mov r11, #0\n\t" \
        "subs r9, #4\n\t" \
        "blt 3f\n" \
        "2:\n\t" STEP STEP STEP STEP \
        "subs r9, #4\n\t" \
        "bge 2b\n" \
        "3:\n\t" \
        "adds r9, #4\n\t" \
        "beq 5f\n" \
        "4:\n\t" STEP \
        "subs r9, #1\n\t" \
        "bne 4b\n" \
        "5:\n\t" \
        "ldmia lr!, {r4, r5, r6, r7, r8}\n\t" /* bias, mult, shifts */ \
        "ldr r9, [sp, #20]\n\t" \
        EQ_GEMM3_FINISH("r0", "r1", "r2", "r4", "r6") \
        "lsr r8, r8, #8\n\t" \
        EQ_GEMM3_FINISH("r3", "r10", "r11", "r5", "r7") \
        "ldrd r5, r6, [sp, #8]\n\t" \
        "ldr r4, [sp, #16]\n\t" \
        "bfi r0, r3, #8, #8\n\t" \
        "bfi r1, r10, #8, #8\n\t" \
        "bfi r2, r11, #8, #8\n\t" \
        "strh r2, [r5, r4]\n\t" \
        "strh r1, [r5, r6]\n\t" \
        "ldr r7, [sp, #24]\n\t" \
        "strh r0, [r5], #2\n\t" \
        "str r5, [sp, #8]\n\t" \
        "cmp r5, r7\n\t" \
        "bne 1b\n\t" \
        "add sp, #28\n\t" \
        "pop {r4-r11, pc}");

#endif
