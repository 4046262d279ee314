/* eq_dot4_v6m.h - one channel of four pixels, two pixels a multiplication: 39 instructions for 16
 * MACs. ARMv6-M.
 *
 * Included by one product each, which has defined EQ_DOT4_FINISH(acc), as EQ_FINISH_V6M.
 * Naked, for the sums live in high registers, where only additions reach: r8 r10 sums of all t,
 * r9 r11 of their upper halves (see eq_gemm_v7m.h), r12 0x8000, lr end of the weights; r0-r3
 * inputs, r4 one weight, r5 input pointer, r6 weight pointer, r7 four weights. Stack: quads, the
 * caller's r8-r11, `to`, its r4-r7, lr. */
#ifndef EQ_DOT4_V6M_H
#define EQ_DOT4_V6M_H

#include "eq_gemm_v6m.h"

/* Adds the two sums of two pixels each that lie in r0 to r3. */
#define COLLECT \
    "adds r0, r0, r2\n\t" \
    "adds r1, r1, r3\n\t" \
    "add r0, r12\n\t" \
    "add r1, r12\n\t" \
    "add r8, r0\n\t" \
    "add r10, r1\n\t" \
    "asrs r0, r0, #16\n\t" \
    "asrs r1, r1, #16\n\t" \
    "add r9, r0\n\t" \
    "add r11, r1\n\t"

/* The whole body of a product. */
#define EQ_DOT4_BODY \
    __asm__ volatile( \
        ".syntax unified\n\t" \
        "push {r3, r4, r5, r6, r7, lr}\n\t" \
        "mov r4, r8\n\t" \
        "mov r5, r9\n\t" \
        "mov r6, r10\n\t" \
        "mov r7, r11\n\t" \
        "push {r2, r4, r5, r6, r7}\n\t" \
        "movs r5, r0\n\t" \
        "movs r6, r1\n\t" \
        "lsls r2, r2, #2\n\t" \
        "adds r2, r2, r1\n\t" \
        "mov lr, r2\n\t" \
        "movs r0, #0\n\t" \
        "mov r8, r0\n\t" \
        "mov r9, r0\n\t" \
        "mov r10, r0\n\t" \
        "mov r11, r0\n\t" \
        "movs r0, #128\n\t" \
        "lsls r0, r0, #8\n\t" \
        "mov r12, r0\n" \
        "1:\n\t" \
        "ldmia r6!, {r7}\n\t" \
        "sxtb r4, r7\n\t" \
        "ldmia r5!, {r0, r1, r2, r3}\n\t" \
        "muls r0, r4, r0\n\t" \
        "muls r1, r4, r1\n\t" \
        "asrs r7, r7, #8\n\t" \
        "sxtb r4, r7\n\t" \
        "muls r2, r4, r2\n\t" \
        "muls r3, r4, r3\n\t" \
        COLLECT \
        "asrs r7, r7, #8\n\t" \
        "sxtb r4, r7\n\t" \
        "ldmia r5!, {r0, r1, r2, r3}\n\t" \
        "muls r0, r4, r0\n\t" \
        "muls r1, r4, r1\n\t" \
        "asrs r7, r7, #8\n\t" \
        "muls r2, r7, r2\n\t" \
        "muls r3, r7, r3\n\t" \
        COLLECT \
        "cmp r6, lr\n\t" \
        "bne 1b\n\t" \
        "pop {r4}\n\t" \
        "ldr r7, [sp, #16]\n\t" /* to */ \
        "ldr r5, [r7, #0]\n\t" \
        "mov r0, r8\n\t" /* the sums of all t hold 65536 * (upper sum + quads) too much */ \
        "mov r1, r9\n\t" \
        "adds r6, r1, r4\n\t" \
        "lsls r6, r6, #16\n\t" \
        "subs r0, r0, r6\n\t" \
        "adds r0, r0, r5\n\t" \
        "mov r8, r0\n\t" \
        "adds r1, r1, r5\n\t" \
        "mov r9, r1\n\t" \
        "mov r0, r10\n\t" \
        "mov r2, r11\n\t" \
        "adds r6, r2, r4\n\t" \
        "lsls r6, r6, #16\n\t" \
        "subs r0, r0, r6\n\t" \
        "adds r0, r0, r5\n\t" \
        "adds r2, r2, r5\n\t" \
        "ldr r3, [r7, #40]\n\t" \
        EQ_DOT4_FINISH("r2") \
        "ldr r1, [r7, #36]\n\t" \
        "strb r2, [r3, r1]\n\t" \
        EQ_DOT4_FINISH("r0") \
        "ldr r1, [r7, #32]\n\t" \
        "strb r0, [r3, r1]\n\t" \
        "mov r2, r9\n\t" \
        EQ_DOT4_FINISH("r2") \
        "ldr r1, [r7, #28]\n\t" \
        "strb r2, [r3, r1]\n\t" \
        "mov r2, r8\n\t" \
        EQ_DOT4_FINISH("r2") \
        "strb r2, [r3]\n\t" \
        "pop {r4, r5, r6, r7}\n\t" \
        "mov r8, r4\n\t" \
        "mov r9, r5\n\t" \
        "mov r10, r6\n\t" \
        "mov r11, r7\n\t" \
        "pop {r3, r4, r5, r6, r7, pc}");

#endif
