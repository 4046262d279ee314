/* eq_gemm4_v7m.h - four pixels by one channel a step, 11 instructions for 8 MACs. ARMv7-M.
 *
 * Included by one product each, which has defined EQ_GEMM4_SHIFTS, the text that loads the shifts
 * (r5 right, r8 left) behind mult, and EQ_GEMM4_FINISH(acc), the text that makes an accumulator its
 * int8 result with r4 multiplier, r7 2 * zero + 1 and r6 free.
 *
 * Naked, because the inner loop needs all 14 registers: r0 r1 sums of pixels 0 and 1 (all t, upper
 * halves), r2 r3 of pixels 2 and 3, r4-r7 inputs, r8 input pointer, r9 counter, r10 r11 weights,
 * r12 0x8000, lr weight stream. Stack: x, quads, out, 3 distances, zero2, end, what 0x8000 adds. */
#ifndef EQ_GEMM4_V7M_H
#define EQ_GEMM4_V7M_H

#include "eq_gemm_v7m.h"

/* Two k. */
#define STEP \
    "ldmia r8!, {r4, r5, r6, r7}\n\t" \
    "ldrsb r10, [lr], #1\n\t" \
    "ldrsb r11, [lr], #1\n\t" \
    "mla r4, r4, r10, r12\n\t" \
    "mla r5, r5, r10, r12\n\t" \
    "mla r4, r6, r11, r4\n\t" \
    "mla r5, r7, r11, r5\n\t" \
    "add r0, r0, r4\n\t" \
    "add r1, r1, r4, asr #16\n\t" \
    "add r2, r2, r5\n\t" \
    "add r3, r3, r5, asr #16\n\t"

/* The whole body of a product. */
#define EQ_GEMM4_BODY \
    __asm__ volatile( \
        "push {r4-r11, lr}\n\t" \
        "sub sp, #36\n\t" \
        "ldm r0, {r5, r6, r7, r8}\n\t" /* stream, quads, out_c, zero2 */ \
        "ldm r3, {r9, r10, r11}\n\t" \
        "mov lr, r5\n\t" \
        "mov r3, r9\n\t" \
        "mov r4, r10\n\t" \
        "mov r5, r11\n\t" \
        "add r7, r2\n\t" \
        "strd r1, r6, [sp, #0]\n\t" \
        "strd r2, r3, [sp, #8]\n\t" \
        "strd r4, r5, [sp, #16]\n\t" \
        "strd r8, r7, [sp, #24]\n\t" \
        "lsl r6, r6, #16\n\t" /* 0x8000 for every two k */ \
        "str r6, [sp, #32]\n\t" \
        "mov r12, #0x8000\n" \
        "1:\n\t" \
        "ldr r1, [lr], #4\n\t" \
        "ldr r2, [sp, #32]\n\t" \
        "ldrd r8, r9, [sp, #0]\n\t" \
        "add r0, r1, r1, lsl #16\n\t" \
        "sub r0, r0, r2\n\t" \
        "mov r2, r0\n\t" \
        "mov r3, r1\n\t" \
        "subs r9, #4\n\t" \
        "blt 3f\n" \
        "2:\n\t" STEP STEP STEP STEP STEP STEP STEP STEP \
        "subs r9, #4\n\t" \
        "bge 2b\n" \
        "3:\n\t" \
        "adds r9, #4\n\t" \
        "beq 5f\n" \
        "4:\n\t" STEP STEP \
        "subs r9, #1\n\t" \
        "bne 4b\n" \
        "5:\n\t" \
        "ldr r4, [lr], #4\n\t" \
        EQ_GEMM4_SHIFTS \
        "ldr r7, [sp, #24]\n\t" \
        "sub r0, r0, r1, lsl #16\n\t" \
        "sub r2, r2, r3, lsl #16\n\t" \
        EQ_GEMM4_FINISH("r0") EQ_GEMM4_FINISH("r1") \
        EQ_GEMM4_FINISH("r2") EQ_GEMM4_FINISH("r3") \
        "ldrd r8, r9, [sp, #8]\n\t" \
        "ldrd r10, r11, [sp, #16]\n\t" \
        "ldr r6, [sp, #28]\n\t" \
        "strb r3, [r8, r11]\n\t" \
        "strb r2, [r8, r10]\n\t" \
        "strb r1, [r8, r9]\n\t" \
        "strb r0, [r8], #1\n\t" \
        "str r8, [sp, #8]\n\t" \
        "cmp r8, r6\n\t" \
        "bne 1b\n\t" \
        "add sp, #36\n\t" \
        "pop {r4-r11, pc}");

#endif
