/* eq_dense_v6m.h - four dot products: rows of weights under one running offset, 14 instructions for 4
 * MACs. ARMv6-M. */
#ifndef EQ_DENSE_V6M_H
#define EQ_DENSE_V6M_H

#include <stdint.h>

/* One input times four weights: r0-r3 ends of the weight rows, r7 end of the input, r4 offset. */
#define STEP \
    "ldrsb r5, [r7, r4]\n\t" \
    "ldrsb r6, [r0, r4]\n\t" \
    "muls r6, r5, r6\n\t" \
    "add r8, r6\n\t" \
    "ldrsb r6, [r1, r4]\n\t" \
    "muls r6, r5, r6\n\t" \
    "add r9, r6\n\t" \
    "ldrsb r6, [r2, r4]\n\t" \
    "muls r6, r5, r6\n\t" \
    "add r10, r6\n\t" \
    "ldrsb r6, [r3, r4]\n\t" \
    "muls r6, r5, r6\n\t" \
    "add r11, r6\n\t" \
    "adds r4, r4, #1\n\t"

/* sums[i] = dot product of x and row i at rows[i]; n > 0. Sums live in r8-r11. */
__attribute__((naked, noinline)) static void dot4(__attribute__((unused)) const int8_t *x,
                                                  __attribute__((unused)) const int8_t *const *rows,
                                                  __attribute__((unused)) int32_t n,
                                                  __attribute__((unused)) int32_t sums[4])
{
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r3, r4, r5, r6, r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4, r5, r6, r7}\n\t"
        "movs r4, #0\n\t"
        "mov r8, r4\n\t"
        "mov r9, r4\n\t"
        "mov r10, r4\n\t"
        "mov r11, r4\n\t"
        "movs r4, r2\n\t"
        "adds r7, r0, r4\n\t"
        "ldmia r1!, {r0, r2, r3, r5}\n\t"
        "adds r0, r0, r4\n\t"
        "adds r1, r2, r4\n\t"
        "adds r2, r3, r4\n\t"
        "adds r3, r5, r4\n\t"
        "movs r5, #7\n\t"
        "ands r5, r4\n\t"
        "rsbs r4, r4, #0\n\t"
        "mov r12, r5\n\t" /* first n % 8 inputs, then eight at a time up to offset 0 */
        "cmp r5, #0\n\t"
        "beq 2f\n"
        "1:\n\t" STEP
        "movs r5, #1\n\t"
        "mov r6, r12\n\t"
        "subs r6, r6, r5\n\t"
        "mov r12, r6\n\t"
        "bne 1b\n\t"
        "cmp r4, #0\n\t"
        "beq 3f\n"
        "2:\n\t" STEP STEP STEP STEP STEP STEP STEP STEP
        "beq 3f\n\t"
        "b 2b\n"
        "3:\n\t"
        "mov r0, r8\n\t"
        "mov r1, r9\n\t"
        "mov r2, r10\n\t"
        "mov r3, r11\n\t"
        "pop {r4, r5, r6, r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "pop {r4}\n\t"
        "stmia r4!, {r0, r1, r2, r3}\n\t"
        "pop {r4, r5, r6, r7, pc}");
}

#endif
