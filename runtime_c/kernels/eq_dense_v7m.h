/* eq_dense_v7m.h - dense layer: eight channels share an input. ARMv7-M.
 *
 * Weights, for every eight channels: bias[8] (int32), weights (in_c, 8), mult[8] (int32), then int8
 * shifts; out_c is filled up to a multiple of 8. The including file defines EQ_DENSE_TABLES, the
 * bytes of all that but the weights, and EQ_DENSE_FINISH(acc, right, left), the text that makes an
 * accumulator its int8 result: r1 is at mult, `right` the distance of its first shift when r1 is
 * behind mult, `left` that of its second one before; r2 r3 free, r12 2 * zero + 1, lr the output. */
#ifndef EQ_DENSE_V7M_H
#define EQ_DENSE_V7M_H

#include "eq_gemm_v7m.h"
#include "eq_dense.h"

/* r4-r11 accumulators, r0 input, r1 stream, r2 one input, r3 r12 weights, lr counter. */
#define STEP \
    "ldrsb r2, [r0], #1\n\t" \
    "ldrsb r3, [r1], #1\n\t" \
    "ldrsb r12, [r1], #1\n\t" \
    "mla r4, r2, r3, r4\n\t" \
    "mla r5, r2, r12, r5\n\t" \
    "ldrsb r3, [r1], #1\n\t" \
    "ldrsb r12, [r1], #1\n\t" \
    "mla r6, r2, r3, r6\n\t" \
    "mla r7, r2, r12, r7\n\t" \
    "ldrsb r3, [r1], #1\n\t" \
    "ldrsb r12, [r1], #1\n\t" \
    "mla r8, r2, r3, r8\n\t" \
    "mla r9, r2, r12, r9\n\t" \
    "ldrsb r3, [r1], #1\n\t" \
    "ldrsb r12, [r1], #1\n\t" \
    "mla r10, r2, r3, r10\n\t" \
    "mla r11, r2, r12, r11\n\t"

__attribute__((naked, noinline)) static void
eight_channels(__attribute__((unused)) const int8_t *x,
               __attribute__((unused)) const int8_t *stream, __attribute__((unused)) int32_t k,
               __attribute__((unused)) int32_t zero2, __attribute__((unused)) int8_t *out)
{
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "mov lr, r2\n\t"
        "ldmia r1!, {r4-r11}\n\t"
        "subs lr, #4\n\t"
        "blt 2f\n"
        "1:\n\t" STEP STEP STEP STEP
        "subs lr, #4\n\t"
        "bge 1b\n"
        "2:\n\t"
        "adds lr, #4\n\t"
        "beq 4f\n"
        "3:\n\t" STEP
        "subs lr, #1\n\t"
        "bne 3b\n"
        "4:\n\t"
        "ldr r12, [sp]\n\t"
        "ldr lr, [sp, #40]\n\t"
        EQ_DENSE_FINISH("r4", "28", "40") EQ_DENSE_FINISH("r5", "25", "37")
        EQ_DENSE_FINISH("r6", "22", "34") EQ_DENSE_FINISH("r7", "19", "31")
        EQ_DENSE_FINISH("r8", "16", "28") EQ_DENSE_FINISH("r9", "13", "25")
        EQ_DENSE_FINISH("r10", "10", "22") EQ_DENSE_FINISH("r11", "7", "19")
        "pop {r3-r11, pc}");
}

static inline void eq_dense_v7m(const eq_dense_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out)
{
    const int32_t in_c = p->in_c, out_c = p->out_c, zero2 = 2 * p->out_zero + 1;
    for (int32_t row = 0; row < p->rows; row++, in += in_c, out += out_c) {
        const int8_t *stream = p->weights;
        int32_t oc = 0;
        for (; oc + 8 <= out_c; oc += 8, stream += 8 * in_c + EQ_DENSE_TABLES) {
            eight_channels(in, stream, in_c, zero2, out + oc);
        }
        if (oc < out_c) {
            int8_t y[8];
            eight_channels(in, stream, in_c, zero2, y);
            for (int32_t i = 0; oc < out_c; i++, oc++) {
                out[oc] = y[i];
            }
        }
        eq_clamp_v7m(out, out_c, p->act_min, p->act_max);
    }
}

#endif
