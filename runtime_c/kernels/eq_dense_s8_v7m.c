/* eq_dense_s8_v7m - dense layer: eight channels share an input. ARMv7-M.
 *
 * Weights, for every eight channels: bias[8] (int32), weights (in_c, 8), mult[8] (int32), right
 * shift - 1 [8] (int8); out_c is filled up to a multiple of 8. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"
#include "eq_ops.h"

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

/* int8 result of one accumulator; `at` is where its shift lies behind r1; r12 2 * zero + 1. */
#define FINISH(acc, at) \
    "ldr r2, [r1], #4\n\t" \
    "lsl " acc ", " acc ", #1\n\t" \
    "smull r3, " acc ", " acc ", r2\n\t" \
    "ldrsb r2, [r1, #" at "]\n\t" \
    "add " acc ", " acc ", r3, lsr #31\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", r2\n\t" \
    "add " acc ", " acc ", r12\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t" \
    "strb " acc ", [lr], #1\n\t"

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
        FINISH("r4", "28") FINISH("r5", "25") FINISH("r6", "22") FINISH("r7", "19")
        FINISH("r8", "16") FINISH("r9", "13") FINISH("r10", "10") FINISH("r11", "7")
        "pop {r3-r11, pc}");
}

void eq_dense_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch)
{
    const int32_t in_c = p->in_c, out_c = p->out_c, zero2 = 2 * p->out_zero + 1;
    (void)scratch;
    for (int32_t row = 0; row < p->rows; row++, in += in_c, out += out_c) {
        const int8_t *stream = p->weights;
        int32_t oc = 0;
        for (; oc + 8 <= out_c; oc += 8, stream += 8 * in_c + 72) {
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
