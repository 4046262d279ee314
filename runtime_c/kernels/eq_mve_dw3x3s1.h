/* eq_mve_dw3x3s1.h - depthwise 3x3 of stride 1, MVE: two output rows from windows of 4 rows.
 *
 * Included by one kernel each, which has defined EQ_MVE_ROUND(X, T, S): the text that makes the
 * right shift of X by S round away from zero (T is free), or "".
 * Channels go 16 at a time down the whole image. The input row that the next pair of output rows
 * needs, but that lies where this pair is written, is kept in scratch: `out` may be `in`. */
#ifndef EQ_MVE_DW3X3S1_H
#define EQ_MVE_DW3X3S1_H

#include "eq_mve_dw3x3.h"

/* The width up to which a row is one piece (then `out` may be `in`), else the columns of a piece;
 * the Python file knows. */
enum { WHOLE = 24, CHUNK = 10 };

/* What the assembly reads at these offsets. */
typedef struct {
    int32_t low[4], high[4];    /* 0, 16: clamp */
    int32_t n, lower;           /* 32, 36: output columns, bytes to the lower output row */
    int32_t c, zero;            /* 40, 44: bytes of an output pixel, output zero point */
    int32_t next_x, next_out;   /* 48, 52: from the end of 4 channels to the next 4 */
    const int8_t *end;          /* 56: of the weight records */
} eq_mve_pair_of_rows_t;

/* Rows of up to 16 channels and where they go: to four planes at once. At these offsets. */
typedef struct {
    const int8_t *rows[3];      /* 0: the lower three; the first is in `kept` */
    int8_t *kept;               /* 12: becomes the third */
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
                     "vldrb.8 q0, [r0]\n\t"
                     "vpsttt\n\t"
                     "vldrbt.8 q1, [r1]\n\t"
                     "vldrbt.8 q2, [r2]\n\t"
                     "vldrbt.8 q3, [r3]\n\t"
                     "add r1, r1, r10\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "add r2, r2, r10\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "add r3, r3, r10\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "vst43.8 {q0, q1, q2, q3}, [r9]\n\t"
                     "vstrb.8 q2, [r0], #16\n\t"
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

/* Two output rows of up to 16 channels. The lower one is stored first: where there is none, `lower`
 * is 0 and the upper row replaces it. */
static inline void two_rows(const eq_mve_pair_of_rows_t *k, const int8_t *x, const int8_t *record,
                            int8_t *out)
{
    int32_t n;
    __asm__ volatile("mov r0, #3\n\t"
                     "vctp.32 r0\n"
                     "1:\n\t"
                     "vpstttt\n\t"
                     "vldrwt.u32 q4, [%[w]]\n\t"
                     "vldrwt.u32 q5, [%[w], #12]\n\t"
                     "vldrwt.u32 q6, [%[w], #24]\n\t"
                     "vldrwt.u32 q7, [%[w], #36]\n\t"
                     "ldr %[n], [%[k], #32]\n"
                     "2:\n\t"
                     "vld40.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld41.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld42.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld43.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "add %[x], %[x], #16\n\t"
                     "vmladav.s8 r0, q0, q4\n\t"
                     "vshr.u32 q0, q0, #8\n\t"
                     "vmladav.s8 r2, q1, q5\n\t"
                     "vshr.u32 q1, q1, #8\n\t"
                     "vmladav.s8 r4, q2, q6\n\t"
                     "vshr.u32 q2, q2, #8\n\t"
                     "vmladav.s8 r6, q3, q7\n\t"
                     "vshr.u32 q3, q3, #8\n\t"
                     "vmladav.s8 r8, q0, q4\n\t"
                     "vmov q0[2], q0[0], r0, r4\n\t"
                     "vmladav.s8 r10, q1, q5\n\t"
                     "vmov q0[3], q0[1], r2, r6\n\t"
                     "vmladav.s8 r12, q2, q6\n\t"
                     "vldrw.32 q2, [%[w], #48]\n\t"
                     "vmladav.s8 lr, q3, q7\n\t"
                     "vadd.i32 q0, q0, q2\n\t"
                     "vmov q1[2], q1[0], r8, r12\n\t"
                     "vmov q1[3], q1[1], r10, lr\n\t"
                     "vldrb.s32 q3, [%[w], #80]\n\t"
                     "vadd.i32 q1, q1, q2\n\t"
                     "vldrw.32 q2, [%[w], #64]\n\t"
                     "vqrdmulh.s32 q0, q0, q2\n\t"
                     "ldrd r0, r2, [%[k], #40]\n\t"
                     "vqrdmulh.s32 q1, q1, q2\n\t"
                     EQ_MVE_ROUND("q0", "q2", "q3") EQ_MVE_ROUND("q1", "q2", "q3")
                     "vrshl.s32 q0, q0, q3\n\t"
                     "vrshl.s32 q1, q1, q3\n\t"
                     "vldrw.32 q2, [%[k]]\n\t"
                     "vadd.i32 q0, q0, r2\n\t"
                     "vadd.i32 q1, q1, r2\n\t"
                     "vldrw.32 q3, [%[k], #16]\n\t"
                     "vmax.s32 q0, q0, q2\n\t"
                     "vmax.s32 q1, q1, q2\n\t"
                     "ldr r4, [%[k], #36]\n\t"
                     "vmin.s32 q1, q1, q3\n\t"
                     "add r4, r4, %[out]\n\t"
                     "vmin.s32 q0, q0, q3\n\t"
                     "vstrb.32 q1, [r4]\n\t"
                     "subs %[n], %[n], #1\n\t"
                     "vstrb.32 q0, [%[out]]\n\t"
                     "add %[out], %[out], r0\n\t"
                     "bne 2b\n\t"
                     "ldrd r0, r2, [%[k], #48]\n\t"
                     "ldr r4, [%[k], #56]\n\t"
                     "add %[w], %[w], #84\n\t"
                     "add %[x], %[x], r0\n\t"
                     "add %[out], %[out], r2\n\t"
                     "cmp %[w], r4\n\t"
                     "bne 1b\n\t"
                     : [x] "+r"(x), [out] "+l"(out), [w] "+l"(record), [n] "=&r"(n)
                     : [k] "r"(k)
                     : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "q0", "q1", "q2",
                       "q3", "q4", "q5", "q6", "q7", "memory");
}

/* Row y of the input as the first of a window: only at the top, where nothing has kept it. */
static inline void keep_row(const eq_dwconv2d_s8_t *p, const eq_mve_rows_t *f, const int8_t *row,
                            int32_t columns, int32_t lanes)
{
    const mve_pred16_t some = vctp8q((uint32_t)lanes);
    for (int32_t x = 0; x < columns; x++) {
        vstrbq_s8(f->kept + 16 * x, vldrbq_z_s8(row + x * p->in_c, some));
    }
}

/* `columns` output columns from ox on. */
static inline void piece(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                         int8_t *scratch, int32_t ox, int32_t columns)
{
    const int32_t x0 = ox - p->pad_left, plane = 16 * (columns + 2);
    const int32_t left = eq_mve_clip(-x0, columns + 2);
    const int32_t end = eq_mve_clip(p->in_w - x0, columns + 2);
    const int32_t inside = end > left ? end - left : 0;
    const int32_t in_row = p->in_w * p->in_c, out_row = p->out_w * p->out_c;
    int8_t *kept = scratch + 4 * plane;
    eq_mve_rows_t f = {
        .kept = kept, .spare = kept + 16 * (columns + 2), .c = p->in_c, .columns = inside,
    };
    eq_mve_pair_of_rows_t k = {
        .low = {p->act_min, p->act_min, p->act_min, p->act_min},
        .high = {p->act_max, p->act_max, p->act_max, p->act_max},
        .n = columns, .c = p->out_c, .zero = p->out_zero,
        .next_x = plane - 16 * columns, .next_out = 4 - columns * p->out_c,
    };
    for (int32_t i = 0; i < 4; i++) {
        f.planes[i] = scratch + i * plane + 16 * left;
    }
    in += (x0 + left) * p->in_c;
    out += ox * p->out_c;
    eq_mve_fill(scratch, p->in_zero, 4 * plane);
    for (int32_t c = 0; c < p->out_c; c += 16, in += 16, out += 16) {
        const int32_t lanes = p->out_c - c, records = lanes < 16 ? lanes / 4 : 4;
        const int8_t *record = p->weights + c / 4 * EQ_MVE_DW_RECORD;
        f.lanes = lanes;
        k.end = record + records * EQ_MVE_DW_RECORD;
        if (p->pad_top == 0) {
            keep_row(p, &f, in, inside, lanes);
        }
        for (int32_t oy = 0; oy < p->out_h; oy += 2) {
            const int32_t y0 = oy - p->pad_top;
            for (int32_t r = 0; r < 3; r++) {
                f.rows[r] = in + eq_mve_clip(y0 + r + 1, p->in_h - 1) * in_row;
            }
            interleave(&f);
            eq_mve_blank_rows(p, scratch, 4 * plane, y0);
            k.lower = oy + 1 < p->out_h ? out_row : 0;
            two_rows(&k, scratch, record, out + oy * out_row);
        }
    }
}

static inline void depthwise(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             int8_t *scratch)
{
    const int32_t chunk = p->out_w <= WHOLE ? p->out_w : CHUNK;
    for (int32_t ox = 0; ox < p->out_w; ox += chunk) {
        piece(p, in, out, scratch, ox, p->out_w - ox < chunk ? p->out_w - ox : chunk);
    }
}

#endif
