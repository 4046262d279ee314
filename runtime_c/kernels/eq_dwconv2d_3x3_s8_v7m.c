/* eq_dwconv2d_3x3_s8_v7m - depthwise 3x3, stride 1 or 2: two output rows at a time share the loads
 * of four input rows. ARMv7-M.
 *
 * in_c = out_c, a multiple of 4; no dilation. `out` may be `in`.
 * Weights: records of four channels, see eq_dw4_t. Scratch: 16 * ((out_w - 1) * stride_w + 3). */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dw_columns.h"
#include "eq_gemm_v7m.h"

typedef struct {
    int32_t bias[4];
    int32_t mult[4];
    int8_t taps[4][9];
    int8_t shift[4]; /* right shift - 1 */
} __attribute__((may_alias)) eq_dw4_t;

/* What the assembler keeps on its stack, in this order. */
typedef struct {
    int32_t bias, mult, shift, zero2;
    int32_t row; /* bytes to the next output row */
    int8_t *out;
    int32_t out_c;
    const int8_t *end; /* of the columns */
    int32_t step;      /* bytes from column to column */
} frame_t;

/* r0 r1 accumulators, r4-r12 taps, lr columns, r2 r3 inputs and the rest. */
#define LOAD_TAPS \
    "ldrsb r4, [r1, #0]\n\t" \
    "ldrsb r5, [r1, #1]\n\t" \
    "ldrsb r6, [r1, #2]\n\t" \
    "ldrsb r7, [r1, #3]\n\t" \
    "ldrsb r8, [r1, #4]\n\t" \
    "ldrsb r9, [r1, #5]\n\t" \
    "ldrsb r10, [r1, #6]\n\t" \
    "ldrsb r11, [r1, #7]\n\t" \
    "ldrsb r12, [r1, #8]\n\t"

/* Column at `o` with taps t0 t1 t2 into two output rows, or into one. */
#define COLUMN2(o, t0, t1, t2) \
    "ldrsb r2, [lr, #" o " + 0]\n\t" \
    "ldrsb r3, [lr, #" o " + 4]\n\t" \
    "mla r0, r2, " t0 ", r0\n\t" \
    "mla r0, r3, " t1 ", r0\n\t" \
    "mla r1, r3, " t0 ", r1\n\t" \
    "ldrsb r2, [lr, #" o " + 8]\n\t" \
    "ldrsb r3, [lr, #" o " + 12]\n\t" \
    "mla r0, r2, " t2 ", r0\n\t" \
    "mla r1, r2, " t1 ", r1\n\t" \
    "mla r1, r3, " t2 ", r1\n\t"
#define COLUMN1(o, t0, t1, t2) \
    "ldrsb r1, [lr, #" o " + 0]\n\t" \
    "ldrsb r2, [lr, #" o " + 4]\n\t" \
    "ldrsb r3, [lr, #" o " + 8]\n\t" \
    "mla r0, r1, " t0 ", r0\n\t" \
    "mla r0, r2, " t1 ", r0\n\t" \
    "mla r0, r3, " t2 ", r0\n\t"

/* Accumulator times multiplier r3, rounded; then shift r2, zero point r3, saturation. */
#define MULTIPLY(acc) \
    "lsl " acc ", " acc ", #1\n\t" \
    "smull r2, " acc ", " acc ", r3\n\t" \
    "add " acc ", " acc ", r2, lsr #31\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t"
#define SATURATE(acc) \
    "asr " acc ", " acc ", r2\n\t" \
    "add " acc ", " acc ", r3\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"
#define ENTER \
    "push {r4-r11, lr}\n\t" \
    "ldm r2, {r3-r11}\n\t" \
    "sub sp, #36\n\t" \
    "stm sp, {r3-r11}\n\t" \
    "mov lr, r0\n\t" LOAD_TAPS
#define LEAVE \
    "add sp, #36\n\t" \
    "pop {r4-r11, pc}"

__attribute__((naked, noinline)) static void two_rows(__attribute__((unused)) const int8_t *columns,
                                                      __attribute__((unused)) const int8_t *taps,
                                                      __attribute__((unused)) const frame_t *f)
{
    __asm__ volatile(
        ENTER
        "1:\n\t"
        "ldr r0, [sp, #0]\n\t"
        "mov r1, r0\n\t"
        COLUMN2("0", "r4", "r7", "r10")
        COLUMN2("16", "r5", "r8", "r11")
        COLUMN2("32", "r6", "r9", "r12")
        "ldr r3, [sp, #4]\n\t"
        MULTIPLY("r0") MULTIPLY("r1")
        "ldrd r2, r3, [sp, #8]\n\t"
        SATURATE("r0") SATURATE("r1")
        "ldrd r2, r3, [sp, #16]\n\t"
        "add lr, #16\n\t"
        "strb r1, [r3, r2]\n\t"
        "ldrd r1, r2, [sp, #24]\n\t"
        "strb r0, [r3]\n\t"
        "add r3, r1\n\t"
        "str r3, [sp, #20]\n\t"
        "cmp lr, r2\n\t"
        "bne 1b\n\t"
        LEAVE);
}

__attribute__((naked, noinline)) static void one_row(__attribute__((unused)) const int8_t *columns,
                                                     __attribute__((unused)) const int8_t *taps,
                                                     __attribute__((unused)) const frame_t *f)
{
    __asm__ volatile(
        ENTER
        "1:\n\t"
        "ldr r0, [sp, #0]\n\t"
        COLUMN1("0", "r4", "r7", "r10")
        COLUMN1("16", "r5", "r8", "r11")
        COLUMN1("32", "r6", "r9", "r12")
        "ldr r3, [sp, #4]\n\t"
        MULTIPLY("r0")
        "ldrd r2, r3, [sp, #8]\n\t"
        SATURATE("r0")
        "ldrd r3, r1, [sp, #20]\n\t"
        "ldr r2, [sp, #32]\n\t"
        "strb r0, [r3]\n\t"
        "add lr, r2\n\t"
        "ldr r2, [sp, #28]\n\t"
        "add r3, r1\n\t"
        "str r3, [sp, #20]\n\t"
        "cmp lr, r2\n\t"
        "bne 1b\n\t"
        LEAVE);
}

/* One or two output rows of four channels. */
static void four_channels(const eq_dwconv2d_s8_t *p, const eq_dw4_t *w, const eq_column_t *columns,
                          int8_t *out, int rows)
{
    const int8_t *from = (const int8_t *)columns;
    frame_t f = {0, 0, 0, 2 * p->out_zero + 1, p->out_w * p->out_c, out, p->out_c,
                 from + 16 * p->stride_w * p->out_w, 16 * p->stride_w};
    for (int32_t c = 0; c < 4; c++, f.out = out + c, from++, f.end++) {
        f.bias = w->bias[c];
        f.mult = w->mult[c];
        f.shift = w->shift[c];
        if (rows == 2) {
            two_rows(from, w->taps[c], &f);
        } else {
            one_row(from, w->taps[c], &f);
        }
    }
}

void eq_dwconv2d_3x3_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    eq_column_t *columns = scratch;
    const eq_dw4_t *w = (const eq_dw4_t *)(const void *)p->weights;
    eq_columns_clear(p, columns, 0);
    for (int32_t c = 0; c < p->out_c; c += 4, w++) {
        int32_t y = -p->pad_top;
        eq_columns_advance(p, in + c, y, columns, 0);
        for (int32_t oy = 0; oy < p->out_h;) {
            const int rows = p->stride_h == 1 && oy + 1 < p->out_h ? 2 : 1;
            y += 2;
            eq_columns_advance(p, in + c, y, columns, 0);
            four_channels(p, w, columns, out + oy * p->out_w * p->out_c + c, rows);
            oy += rows;
        }
    }
    eq_clamp_v7m(out, (int32_t)p->out_h * p->out_w * p->out_c, p->act_min, p->act_max);
}
#endif
