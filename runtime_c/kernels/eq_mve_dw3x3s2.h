/* eq_mve_dw3x3s2.h - depthwise 3x3 of stride 2, MVE: an output row at a time.
 *
 * Included by one kernel each, which has defined EQ_MVE_ROUND(X, T, S): the text that makes the
 * right shift of X by S round away from zero (T is free), or "". */
#ifndef EQ_MVE_DW3X3S2_H
#define EQ_MVE_DW3X3S2_H

#include "eq_mve_dw3x3.h"

/* Output pixels at a time, and the width up to which a row is one piece; the Python file knows. */
enum { CHUNK = 4, WHOLE = 12 };

/* What the assembly reads at these offsets. */
typedef struct {
    int32_t low[4], high[4];    /* 0, 16: clamp */
    int32_t c, zero;            /* 32, 36: bytes of an output pixel, output zero point */
    int32_t next_x, next_out;   /* 40, 44: from the end of 4 channels to the next 4 */
    const int8_t *end;          /* 48: of the weight records */
    int32_t n;                  /* 52: output pixels */
} eq_mve_row_t;

/* Rows of up to 16 channels and where they go: to four planes at once. At these offsets. */
typedef struct {
    const int8_t *rows[4];      /* 0: the upper three of a window; the last has weight 0 */
    int8_t *planes[4];          /* 16 */
    int32_t lanes, c;           /* 32, 36: channels, bytes of an input pixel */
    int8_t *spare;              /* 40: takes 64 bytes */
    int32_t columns;            /* 44 */
} eq_mve_rows_t;

static inline void interleave(const eq_mve_rows_t *f)
{
    __asm__ volatile("ldrd r12, r10, [%[f], #32]\n\t"
                     "ldrd r1, r2, [%[f]]\n\t"
                     "ldrd r3, r0, [%[f], #8]\n\t"
                     "vctp.8 r12\n\t"
                     "ldrd r4, r5, [%[f], #16]\n\t"
                     "ldrd r6, r8, [%[f], #24]\n\t"
                     "ldrd r9, r12, [%[f], #40]\n\t"
                     "wls lr, r12, 2f\n"
                     "1:\n\t"
                     "vpsttt\n\t"
                     "vldrbt.8 q0, [r1]\n\t"
                     "vldrbt.8 q1, [r2]\n\t"
                     "vldrbt.8 q2, [r3]\n\t"
                     "add r1, r1, r10\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "add r2, r2, r10\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "add r3, r3, r10\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "vst43.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "vldrw.32 q0, [r9]\n\t"
                     "vstrw.32 q0, [r4], #16\n\t"
                     "vldrw.32 q1, [r9, #16]\n\t"
                     "vstrw.32 q1, [r5], #16\n\t"
                     "vldrw.32 q2, [r9, #32]\n\t"
                     "vstrw.32 q2, [r6], #16\n\t"
                     "vldrw.32 q3, [r9, #48]\n\t"
                     "vstrw.32 q3, [r8], #16\n\t"
                     "le lr, 1b\n"
                     "2:\n\t"
                     :
                     : [f] "r"(f)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "lr",
                       "q0", "q1", "q2", "q3", "memory");
}

/* One output row of up to 16 channels. */
static inline void output_row(const eq_mve_row_t *k, const int8_t *x, const int8_t *record,
                              int8_t *out)
{
    __asm__ volatile("mov r0, #3\n\t"
                     "vctp.32 r0\n"
                     "1:\n\t"
                     "ldr r4, [%[k], #52]\n\t"
                     "vpstttt\n\t"
                     "vldrwt.u32 q4, [%[w]]\n\t"
                     "vldrwt.u32 q5, [%[w], #12]\n\t"
                     "vldrwt.u32 q6, [%[w], #24]\n\t"
                     "vldrwt.u32 q7, [%[w], #36]\n\t"
                     "dls lr, r4\n"
                     "2:\n\t"
                     "vld40.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld41.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld42.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld43.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "add %[x], %[x], #32\n\t"
                     "vmladav.s8 r0, q0, q4\n\t"
                     "vmladav.s8 r2, q1, q5\n\t"
                     "vldrw.32 q1, [%[w], #48]\n\t"
                     "vmladav.s8 r4, q2, q6\n\t"
                     "vldrb.s32 q2, [%[w], #80]\n\t"
                     "vmladav.s8 r6, q3, q7\n\t"
                     "vldrw.32 q3, [%[w], #64]\n\t"
                     "vmov q0[2], q0[0], r0, r4\n\t"
                     "vmov q0[3], q0[1], r2, r6\n\t"
                     "vadd.i32 q0, q0, q1\n\t"
                     "vqrdmulh.s32 q0, q0, q3\n\t"
                     EQ_MVE_ROUND("q0", "q1", "q2")
                     "vldrw.32 q3, [%[k]]\n\t"
                     "ldrd r2, r0, [%[k], #32]\n\t"
                     "vrshl.s32 q0, q0, q2\n\t"
                     "vadd.i32 q0, q0, r0\n\t"
                     "vldrw.32 q1, [%[k], #16]\n\t"
                     "vmax.s32 q0, q0, q3\n\t"
                     "vmin.s32 q0, q0, q1\n\t"
                     "vstrb.32 q0, [%[out]]\n\t"
                     "add %[out], %[out], r2\n\t"
                     "le lr, 2b\n\t"
                     "ldrd r0, r2, [%[k], #40]\n\t"
                     "ldr r4, [%[k], #48]\n\t"
                     "add %[w], %[w], #84\n\t"
                     "add %[x], %[x], r0\n\t"
                     "add %[out], %[out], r2\n\t"
                     "cmp %[w], r4\n\t"
                     "bne 1b\n\t"
                     : [x] "+r"(x), [out] "+l"(out), [w] "+l"(record)
                     : [k] "r"(k)
                     : "r0", "r2", "r4", "r6", "lr", "cc", "q0", "q1", "q2", "q3", "q4", "q5",
                       "q6", "q7", "memory");
}

/* The piece of output row oy that begins at pixel ox: all channels, 16 at a time. */
static inline void piece(const eq_dwconv2d_s8_t *p, eq_mve_row_t *k, const int8_t *in,
                         int8_t *out, int8_t *scratch, int32_t columns, int32_t oy, int32_t ox)
{
    const int32_t plane = 16 * columns, in_row = p->in_w * p->in_c;
    const int32_t y0 = 2 * oy - p->pad_top, x0 = 2 * ox - p->pad_left;
    const int32_t left = eq_mve_clip(-x0, columns);
    const int32_t inside = eq_mve_clip(p->in_w - x0, 2 * k->n + 1) - left;
    eq_mve_rows_t f = {
        .c = p->in_c, .spare = scratch + 4 * plane + 16, .columns = inside > 0 ? inside : 0,
    };
    if (left > 0 || left + inside < 2 * k->n + 1) {
        eq_mve_fill(scratch, p->in_zero, 4 * plane);
    }
    for (int32_t i = 0; i < 4; i++) {
        f.rows[i] = in + eq_mve_clip(y0 + i, p->in_h - 1) * in_row + (x0 + left) * p->in_c;
        f.planes[i] = scratch + i * plane + 16 * left;
    }
    k->next_x = plane - 32 * k->n;
    k->next_out = 4 - p->out_c * k->n;
    out += (oy * p->out_w + ox) * p->out_c;
    for (int32_t c = 0; c < p->out_c; c += 16, out += 16) {
        const int32_t records = p->out_c - c < 16 ? (p->out_c - c) / 4 : 4;
        const int8_t *record = p->weights + c / 4 * EQ_MVE_DW_RECORD;
        f.lanes = p->out_c - c;
        interleave(&f);
        eq_mve_blank_rows(p, scratch, 4 * plane, y0);
        k->end = record + records * EQ_MVE_DW_RECORD;
        output_row(k, scratch, record, out);
        for (int32_t i = 0; i < 3; i++) {
            f.rows[i] += 16;
        }
    }
}

static inline void depthwise(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             int8_t *scratch)
{
    const int32_t chunk = p->out_w <= WHOLE ? p->out_w : CHUNK, columns = 2 * chunk + 1;
    eq_mve_row_t k = {
        .low = {p->act_min, p->act_min, p->act_min, p->act_min},
        .high = {p->act_max, p->act_max, p->act_max, p->act_max},
        .c = p->out_c, .zero = p->out_zero,
    };
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox += chunk) {
            k.n = p->out_w - ox < chunk ? p->out_w - ox : chunk;
            piece(p, &k, in, out, scratch, columns, oy, ox);
        }
    }
}

#endif
