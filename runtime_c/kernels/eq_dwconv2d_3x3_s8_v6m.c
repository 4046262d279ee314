/* eq_dwconv2d_3x3_s8_v6m - depthwise 3x3, stride 1 or 2: two output rows at a time share the loads
 * of four input rows, which are unsigned, for ARMv6-M loads those with an offset.
 *
 * in_c = out_c, a multiple of 4; no dilation. `out` may be `in`.
 * Weights: (out_c, 3, 3); bias less 128 times their sum; shift holds right shift - 1. Scratch:
 * 16 * ((out_w - 1) * stride_w + 3). */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dw_columns.h"
#include "eq_gemm_v6m.h"

#define FLIP 0x80808080u

/* One channel. */
typedef struct {
    eq_frame_v6m_t f;
    int32_t w[3][3];    /* [column][row] */
    int32_t pixel, row; /* bytes to the next output to the right and below */
    int32_t step;       /* bytes from column to column */
} channel_t;

/* Column at r0 + `o` with the taps at r7 + `k` into the accumulators r2 and r3. */
#define COLUMN2(o, k) \
    "ldrb r4, [r0, #" o " + 0]\n\t" \
    "ldr r1, [r7, #" k " + 0]\n\t" \
    "muls r4, r1, r4\n\t" \
    "adds r2, r2, r4\n\t" \
    "ldrb r5, [r0, #" o " + 4]\n\t" \
    "muls r1, r5, r1\n\t" \
    "adds r3, r3, r1\n\t" \
    "ldr r1, [r7, #" k " + 4]\n\t" \
    "muls r5, r1, r5\n\t" \
    "adds r2, r2, r5\n\t" \
    "ldrb r6, [r0, #" o " + 8]\n\t" \
    "muls r1, r6, r1\n\t" \
    "adds r3, r3, r1\n\t" \
    "ldr r1, [r7, #" k " + 8]\n\t" \
    "muls r6, r1, r6\n\t" \
    "adds r2, r2, r6\n\t" \
    "ldrb r4, [r0, #" o " + 12]\n\t" \
    "muls r4, r1, r4\n\t" \
    "adds r3, r3, r4\n\t"

/* r8 columns, r9 output, r10 end of the columns, r11 and r12 bytes to the next output and row. */
__attribute__((naked, noinline)) static void two_rows(__attribute__((unused)) const channel_t *k,
                                                      __attribute__((unused)) const uint8_t *at,
                                                      __attribute__((unused)) int8_t *out,
                                                      __attribute__((unused)) int32_t n)
{
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r4, r5, r6, r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4, r5, r6, r7}\n\t"
        "movs r7, r0\n\t"
        "mov r8, r1\n\t"
        "mov r9, r2\n\t"
        "lsls r3, r3, #4\n\t"
        "adds r3, r3, r1\n\t"
        "mov r10, r3\n\t"
        "ldr r4, [r7, #64]\n\t"
        "mov r11, r4\n\t"
        "ldr r4, [r7, #68]\n\t"
        "mov r12, r4\n\t"
        "mov r0, r1\n"
        "1:\n\t"
        "ldr r2, [r7, #0]\n\t"
        "movs r3, r2\n\t"
        COLUMN2("0", "28")
        COLUMN2("16", "40")
        "adds r0, r0, #32\n\t"
        COLUMN2("0", "52")
        EQ_FINISH_V6M("r2")
        EQ_FINISH_V6M("r3")
        "mov r0, r9\n\t"
        "mov r1, r12\n\t"
        "strb r2, [r0]\n\t"
        "strb r3, [r0, r1]\n\t"
        "add r9, r11\n\t"
        "mov r0, r8\n\t"
        "adds r0, r0, #16\n\t"
        "mov r8, r0\n\t"
        "cmp r0, r10\n\t"
        "beq 2f\n\t"
        "b 1b\n"
        "2:\n\t"
        "pop {r4, r5, r6, r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "pop {r4, r5, r6, r7, pc}");
}

static void one_row(const channel_t *k, const uint8_t *at, int8_t *out, int32_t n)
{
    for (; n > 0; n--, at += k->step, out += k->pixel) {
        int32_t top = k->f.bias;
        for (int32_t x = 0; x < 3; x++) {
            top += at[16 * x] * k->w[x][0] + at[16 * x + 4] * k->w[x][1]
                   + at[16 * x + 8] * k->w[x][2];
        }
        out[0] = (int8_t)eq_finish_v6m(top, k->f.c, k->f.q);
    }
}

static channel_t load_channel(const eq_dwconv2d_s8_t *p, int32_t oc)
{
    const int8_t *w = p->weights + 9 * oc;
    channel_t k = {{p->bias[oc], eq_channel_v6m(p->mult[oc], p->shift[oc]),
                    {2 * p->out_zero + 1, p->act_min, p->act_max}},
                   {{0}}, p->out_c, p->out_w * p->out_c, 16 * p->stride_w};
    for (int32_t y = 0; y < 3; y++) {
        for (int32_t x = 0; x < 3; x++) {
            k.w[x][y] = *w++;
        }
    }
    return k;
}

void eq_dwconv2d_3x3_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    eq_column_t *columns = scratch;
    const int32_t row = p->out_w * p->out_c;
    eq_columns_clear(p, columns, FLIP);
    for (int32_t group = 0; group < p->out_c; group += 4) {
        channel_t k[4];
        int32_t y = -p->pad_top;
        int8_t *to = out + group;
        for (int32_t c = 0; c < 4; c++) {
            k[c] = load_channel(p, group + c);
        }
        eq_columns_advance(p, in + group, y, columns, FLIP);
        for (int32_t oy = 0; oy < p->out_h; oy++, to += row) {
            const int rows = p->stride_h == 1 && oy + 1 < p->out_h ? 2 : 1;
            y += 2;
            eq_columns_advance(p, in + group, y, columns, FLIP);
            for (int32_t c = 0; c < 4; c++) {
                if (rows == 2) {
                    two_rows(&k[c], (const uint8_t *)columns + c, to + c, p->out_w);
                } else {
                    one_row(&k[c], (const uint8_t *)columns + c, to + c, p->out_w);
                }
            }
            if (rows == 2) {
                oy++;
                to += row;
            }
        }
    }
}
#endif
