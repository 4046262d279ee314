/* eq_dwconv2d_3x3_s8_dsp - depthwise 3x3, stride 1 or 2: SMLAD over vertical pairs. Arm DSP ISA.
 *
 * Four channels at a time, two output rows at a time (stride 2: one). Scratch holds, for every
 * column with its padding, the rows y, y+1 and y+2, y+3 of each channel as two words of halfword
 * pairs, so two output rows need four multiply instructions a column. The lower pair serves as the
 * next block's upper one: which word is which alternates.
 *
 * in_c = out_c, a multiple of 4; no dilation. `out` may be `in`.
 * Weights: records of four channels, see eq_dw4_t. Scratch: 32 * ((out_w - 1) * stride_w + 3). */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_conv.h"

typedef struct {
    uint32_t taps[3]; /* column kx as bytes: w[0][kx], w[1][kx], w[1][kx], w[2][kx] */
    int32_t twice_bias;
    int32_t mult;
} eq_dw1_t;

typedef struct {
    eq_dw1_t channel[4];
    int8_t shift[4]; /* right shift - 1 */
} __attribute__((may_alias)) eq_dw4_t;

/* What the assembler keeps on its stack, in this order, and two registers. */
typedef struct {
    int32_t twice_bias, mult; /* the latter in r10 */
    int32_t zero2;
    int32_t row; /* bytes to the next output row */
    int32_t out_c;
    const uint32_t *end; /* of the columns */
    int32_t step;        /* bytes from column to column */
    int32_t shift;       /* in r11 */
    int8_t *out;         /* in r12 */
} frame_t;

/* r0 r1 accumulators of two rows, r2 upper and r3 lower pair of a column, r4-r6 taps (w0, w1) of
 * the three columns and r7-r9 (w1, w2), all doubled; lr the columns. */
#define ENTER \
    "push {r4-r11, lr}\n\t" \
    "mov lr, r0\n\t" \
    "ldm r1, {r0, r1, r3}\n\t" \
    "sxtb16 r4, r0\n\t" \
    "sxtb16 r7, r0, ror #8\n\t" \
    "sxtb16 r5, r1\n\t" \
    "sxtb16 r8, r1, ror #8\n\t" \
    "sxtb16 r6, r3\n\t" \
    "sxtb16 r9, r3, ror #8\n\t" \
    "sadd16 r4, r4, r4\n\t" \
    "sadd16 r5, r5, r5\n\t" \
    "sadd16 r6, r6, r6\n\t" \
    "sadd16 r7, r7, r7\n\t" \
    "sadd16 r8, r8, r8\n\t" \
    "sadd16 r9, r9, r9\n\t" \
    "sub sp, #28\n\t" \
    "ldm r2!, {r0, r1, r3, r10, r11, r12}\n\t" \
    "stm sp, {r0, r1, r3, r10, r11, r12}\n\t" \
    "mov r10, r1\n\t" \
    "ldm r2, {r1, r11, r12}\n\t" \
    "str r1, [sp, #24]\n\t"
#define LEAVE \
    "add sp, #28\n\t" \
    "pop {r4-r11, pc}"

/* One column of pairs into two output rows, or into one. */
#define COLUMN2(pairs, offset, u, v) \
    "ldrd " pairs ", [lr, #" offset "]\n\t" \
    "smlad r0, r2, " u ", r0\n\t" \
    "smlatb r1, r2, " u ", r1\n\t" \
    "smlabt r0, r3, " v ", r0\n\t" \
    "smlad r1, r3, " v ", r1\n\t"
#define COLUMN1(pairs, offset, u, v) \
    "ldrd " pairs ", [lr, #" offset "]\n\t" \
    "smlad r0, r2, " u ", r0\n\t" \
    "smlabt r0, r3, " v ", r0\n\t"

/* Twice an accumulator to int8: multiplier, right shift + 1 half away from zero, zero point. */
#define FINISH(acc) \
    "smmulr " acc ", " acc ", r10\n\t" \
    "add " acc ", " acc ", " acc ", asr #31\n\t" \
    "asr " acc ", " acc ", r11\n\t" \
    "add " acc ", " acc ", r2\n\t" \
    "ssat " acc ", #8, " acc ", asr #1\n\t"

#define TWO_ROWS(pairs) \
    ENTER \
    "1:\n\t" \
    "ldr r0, [sp, #0]\n\t" \
    "mov r1, r0\n\t" \
    COLUMN2(pairs, "0", "r4", "r7") \
    COLUMN2(pairs, "32", "r5", "r8") \
    COLUMN2(pairs, "64", "r6", "r9") \
    "ldrd r2, r3, [sp, #8]\n\t" \
    "add lr, #32\n\t" \
    FINISH("r0") FINISH("r1") \
    "strb r1, [r12, r3]\n\t" \
    "ldrd r2, r3, [sp, #16]\n\t" \
    "strb r0, [r12]\n\t" \
    "add r12, r2\n\t" \
    "cmp lr, r3\n\t" \
    "bne 1b\n\t" \
    LEAVE

#define ONE_ROW(pairs) \
    ENTER \
    "1:\n\t" \
    "ldr r0, [sp, #0]\n\t" \
    COLUMN1(pairs, "0", "r4", "r7") \
    COLUMN1(pairs, "32", "r5", "r8") \
    COLUMN1(pairs, "64", "r6", "r9") \
    "ldr r2, [sp, #8]\n\t" \
    "ldr r3, [sp, #24]\n\t" \
    FINISH("r0") \
    "add lr, r3\n\t" \
    "ldrd r2, r3, [sp, #16]\n\t" \
    "strb r0, [r12]\n\t" \
    "add r12, r2\n\t" \
    "cmp lr, r3\n\t" \
    "bne 1b\n\t" \
    LEAVE

typedef void rows_t(const uint32_t *columns, const eq_dw1_t *c, const frame_t *f);

#define ROWS(name, text) \
    __attribute__((naked, noinline)) static void name(__attribute__((unused)) const uint32_t *at, \
                                                      __attribute__((unused)) const eq_dw1_t *c, \
                                                      __attribute__((unused)) const frame_t *f) \
    { \
        __asm__ volatile(text); \
    }

ROWS(two_rows, TWO_ROWS("r2, r3"))
ROWS(two_rows_swapped, TWO_ROWS("r3, r2"))
ROWS(one_row, ONE_ROW("r2, r3"))
ROWS(one_row_swapped, ONE_ROW("r3, r2"))

static inline uint32_t even_bytes(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(x));
    return r;
}

static inline uint32_t odd_bytes(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(x));
    return r;
}

/* (low half of a, low half of b) and (high half of a, high half of b). */
static inline uint32_t low_halves(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

static inline uint32_t high_halves(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(r) : "r"(b), "r"(a));
    return r;
}

/* Input rows y and y + 1 of four channels as pairs, into word 0 (or 1: `to` is off by one). */
static void pair_rows(const eq_dwconv2d_s8_t *p, const int8_t *in, int32_t y, uint32_t *to)
{
    const uint32_t outside = (uint32_t)(uint8_t)p->in_zero * 0x01010101u;
    const int has0 = y >= 0 && y < p->in_h, has1 = y + 1 >= 0 && y + 1 < p->in_h;
    const int8_t *at = in + y * p->in_w * p->in_c;
    const int8_t *row0 = has0 ? at : (const int8_t *)&outside;
    const int8_t *row1 = has1 ? at + p->in_w * p->in_c : (const int8_t *)&outside;
    const int32_t step0 = has0 ? p->in_c : 0, step1 = has1 ? p->in_c : 0;
    to += 8 * p->pad_left;
    for (int32_t x = p->in_w; x > 0; x--, to += 8) {
        const uint32_t a = eq_load4(row0), b = eq_load4(row1);
        const uint32_t a02 = even_bytes(a), a13 = odd_bytes(a);
        const uint32_t b02 = even_bytes(b), b13 = odd_bytes(b);
        row0 += step0;
        row1 += step1;
        to[0] = low_halves(a02, b02);
        to[2] = low_halves(a13, b13);
        to[4] = high_halves(a02, b02);
        to[6] = high_halves(a13, b13);
    }
}

/* One or two output rows of four channels. */
static void four_channels(const eq_dwconv2d_s8_t *p, const eq_dw4_t *w, const uint32_t *columns,
                          int8_t *out, rows_t *rows)
{
    frame_t f = {0, 0, 2 * p->out_zero + 1, p->out_w * p->out_c, p->out_c,
                 columns + 8 * p->stride_w * p->out_w, 32 * p->stride_w, 0, out};
    for (int32_t c = 0; c < 4; c++, columns += 2, f.end += 2, f.out++) {
        f.twice_bias = w->channel[c].twice_bias;
        f.mult = w->channel[c].mult;
        f.shift = w->shift[c];
        rows(columns, &w->channel[c], &f);
    }
}

void eq_dwconv2d_3x3_s8_dsp(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    uint32_t *columns = scratch;
    const eq_dw4_t *w = (const eq_dw4_t *)(const void *)p->weights;
    const uint32_t zero = (uint32_t)(uint16_t)p->in_zero * 0x00010001u;
    const int32_t words = 8 * ((p->out_w - 1) * p->stride_w + 3);
    for (int32_t i = 0; i < words; i++) {
        columns[i] = zero;
    }
    for (int32_t c = 0; c < p->out_c; c += 4, w++) {
        int32_t y = -p->pad_top;
        int swapped = 0;
        pair_rows(p, in + c, y, columns);
        for (int32_t oy = 0; oy < p->out_h; swapped = !swapped) {
            const int two = p->stride_h == 1 && oy + 1 < p->out_h;
            y += 2;
            pair_rows(p, in + c, y, columns + !swapped);
            four_channels(p, w, columns, out + oy * p->out_w * p->out_c + c,
                          two ? (swapped ? two_rows_swapped : two_rows)
                              : (swapped ? one_row_swapped : one_row));
            oy += two ? 2 : 1;
        }
    }
    eq_clamp_dsp(out, (int32_t)p->out_h * p->out_w * p->out_c, p->act_min, p->act_max);
}
#endif
