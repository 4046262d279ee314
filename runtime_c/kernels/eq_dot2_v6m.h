/* eq_dot2_v6m.h - a 16-bit column times two channels of int8 weights, 9 instructions for 2
 * multiplications. ARMv6-M. */
#ifndef EQ_DOT2_V6M_H
#define EQ_DOT2_V6M_H

#include <stdint.h>

/* sums[c] = sum of x[i] * w[2 * i + c], n > 0. Naked, for one sum lives in r8. r0, r1, r2: the ends of
 * x, w, w + 1; r3 the offset from there, which is 2 bytes a step in all of them. */
__attribute__((naked, noinline)) static void eq_dot2_s16(__attribute__((unused)) const int16_t *x,
                                                         __attribute__((unused)) const int8_t *w,
                                                         __attribute__((unused)) int32_t n,
                                                         __attribute__((unused)) int32_t sums[2])
{
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r3, r4, r5, r6, r7, lr}\n\t"
        "mov r4, r8\n\t"
        "push {r4}\n\t"
        "lsls r2, r2, #1\n\t"
        "adds r0, r0, r2\n\t"
        "adds r1, r1, r2\n\t"
        "rsbs r3, r2, #0\n\t"
        "adds r2, r1, #1\n\t"
        "movs r7, #0\n\t"
        "mov r8, r7\n"
        "1:\n\t"
        "ldrsh r4, [r0, r3]\n\t"
        "ldrsb r5, [r1, r3]\n\t"
        "ldrsb r6, [r2, r3]\n\t"
        "muls r5, r4, r5\n\t"
        "muls r6, r4, r6\n\t"
        "adds r7, r7, r5\n\t"
        "add r8, r6\n\t"
        "adds r3, r3, #2\n\t"
        "bne 1b\n\t"
        "mov r6, r8\n\t"
        "pop {r4}\n\t"
        "mov r8, r4\n\t"
        "pop {r3}\n\t"
        "stmia r3!, {r7}\n\t"
        "str r6, [r3]\n\t"
        "pop {r4, r5, r6, r7, pc}");
}

#endif
