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
    int32_t n, zero;            /* 32, 36: output pixels, output zero point */
    int32_t next_x, next_out;   /* 40, 44: from the end of 4 channels to the next 4 */
    const int8_t *end;          /* 48: of the weight records */
} eq_mve_row_t;

/* Three rows into the planes at p0; the fourth row of a window has weight 0. */
static inline void interleave(const int8_t *const rows[3], int8_t *p0, int32_t plane,
                              int8_t *spare, int32_t c, int32_t columns, int32_t lanes)
{
    const int8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2];
    int8_t *p1 = p0 + plane, *p2 = p1 + plane;
    int32_t p3 = lanes; /* registers are few: the fourth pointer brings the lanes and is then set */
    register int32_t n __asm__("lr") = columns;
    __asm__ volatile("vctp.8 %[p3]\n\t"
                     "sub %[p3], %[p1], %[p0]\n\t"
                     "add %[p3], %[p2]\n\t"
                     "wls lr, %[n], 2f\n"
                     "1:\n\t"
                     "vpsttt\n\t"
                     "vldrbt.8 q0, [%[r0]]\n\t"
                     "vldrbt.8 q1, [%[r1]]\n\t"
                     "vldrbt.8 q2, [%[r2]]\n\t"
                     "add %[r0], %[r0], %[c]\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "add %[r1], %[r1], %[c]\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "add %[r2], %[r2], %[c]\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "vst43.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "vldrw.32 q0, [%[t]]\n\t"
                     "vstrw.32 q0, [%[p0]], #16\n\t"
                     "vldrw.32 q1, [%[t], #16]\n\t"
                     "vstrw.32 q1, [%[p1]], #16\n\t"
                     "vldrw.32 q2, [%[t], #32]\n\t"
                     "vstrw.32 q2, [%[p2]], #16\n\t"
                     "vldrw.32 q3, [%[t], #48]\n\t"
                     "vstrw.32 q3, [%[p3]], #16\n\t"
                     "le lr, 1b\n"
                     "2:\n\t"
                     : [r0] "+r"(r0), [r1] "+r"(r1), [r2] "+r"(r2), [p0] "+r"(p0), [p1] "+r"(p1),
                       [p2] "+r"(p2), [p3] "+r"(p3), [n] "+r"(n)
                     : [c] "r"(c), [t] "r"(spare)
                     : "q0", "q1", "q2", "q3", "memory");
}

/* One output row of up to 16 channels, `c` bytes a pixel. */
static inline void output_row(const eq_mve_row_t *k, const int8_t *x, const int8_t *record,
                              int8_t *out, int32_t c)
{
    __asm__ volatile("mov r0, #3\n\t"
                     "vctp.32 r0\n"
                     "1:\n\t"
                     "ldr r4, [%[k], #32]\n\t"
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
                     "ldr r0, [%[k], #36]\n\t"
                     "vrshl.s32 q0, q0, q2\n\t"
                     "vadd.i32 q0, q0, r0\n\t"
                     "vldrw.32 q1, [%[k], #16]\n\t"
                     "vmax.s32 q0, q0, q3\n\t"
                     "vmin.s32 q0, q0, q1\n\t"
                     "vstrb.32 q0, [%[out]]\n\t"
                     "add %[out], %[out], %[c]\n\t"
                     "le lr, 2b\n\t"
                     "ldrd r0, r2, [%[k], #40]\n\t"
                     "ldr r4, [%[k], #48]\n\t"
                     "add %[w], %[w], #84\n\t"
                     "add %[x], %[x], r0\n\t"
                     "add %[out], %[out], r2\n\t"
                     "cmp %[w], r4\n\t"
                     "bne 1b\n\t"
                     : [x] "+r"(x), [out] "+l"(out), [w] "+l"(record)
                     : [c] "r"(c), [k] "r"(k)
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
    const int8_t *rows[3];
    if (left > 0 || left + inside < 2 * k->n + 1) {
        eq_mve_fill(scratch, p->in_zero, 4 * plane);
    }
    for (int32_t r = 0; r < 3; r++) {
        rows[r] = in + eq_mve_clip(y0 + r, p->in_h - 1) * in_row + (x0 + left) * p->in_c;
    }
    k->next_x = plane - 32 * k->n;
    k->next_out = 4 - p->out_c * k->n;
    out += (oy * p->out_w + ox) * p->out_c;
    for (int32_t c = 0; c < p->out_c; c += 16, out += 16) {
        const int32_t lanes = p->out_c - c, records = lanes < 16 ? lanes / 4 : 4;
        const int8_t *record = p->weights + c / 4 * EQ_MVE_DW_RECORD;
        interleave(rows, scratch + 16 * left, plane, scratch + 4 * plane + 16, p->in_c,
                   inside > 0 ? inside : 0, lanes);
        eq_mve_blank_rows(p, scratch, 4 * plane, y0);
        k->end = record + records * EQ_MVE_DW_RECORD;
        output_row(k, scratch, record, out, p->out_c);
        for (int32_t r = 0; r < 3; r++) {
            rows[r] += 16;
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
        .zero = p->out_zero,
    };
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox += chunk) {
            k.n = p->out_w - ox < chunk ? p->out_w - ox : chunk;
            piece(p, &k, in, out, scratch, columns, oy, ox);
        }
    }
}

#endif
