/* eq_dwconv2d_3x3_s8_mve - depthwise 3x3, MVE: 4 rows interleaved, then one VMLADAV is an output. */
#include "eq_ops.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* Scratch: four planes, one for 4 channels each, of `columns` x 4 channels x 4 rows bytes, and
 * behind them 16 + 64 bytes. VLD4.32 at a column gives for 4 channels a 4 x 4 window each.
 * Weight records of 84 bytes for 4 channels: for each channel 3 columns x (3 rows, 0), then
 * bias[4] int32, mult[4] int32, shift[4] int8 (all <= 0). */
enum { RECORD = 84, CHUNK_1 = 16, CHUNK_2 = 4 }; /* output pixels at a time, stride 1 and 2 */

/* What does not change within a call. */
typedef struct {
    int8_t *planes, *spare;
    int32_t plane; /* bytes of a plane */
    int32_t in_c, row; /* bytes of an input pixel, row */
} frame_t;

/* Four rows of `n` columns, up to 16 channels (`lanes`), into the planes at column `x`. */
static inline void interleave(const frame_t *f, const int8_t *const rows[4], int32_t x, int32_t n,
                              int32_t lanes)
{
    const int8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
    int8_t *p0 = f->planes + 16 * x, *p1 = p0 + f->plane, *p2 = p1 + f->plane;
    int32_t p3 = lanes; /* registers are few: the fourth pointer brings the lanes and is then set */
    register int32_t count __asm__("lr") = n;
    __asm__ volatile("vctp.8 %[p3]\n\t"
                     "sub %[p3], %[p1], %[p0]\n\t"
                     "add %[p3], %[p2]\n\t"
                     "wls lr, %[n], 2f\n"
                     "1:\n\t"
                     "vpstttt\n\t"
                     "vldrbt.8 q0, [%[r0]]\n\t"
                     "vldrbt.8 q1, [%[r1]]\n\t"
                     "vldrbt.8 q2, [%[r2]]\n\t"
                     "vldrbt.8 q3, [%[r3]]\n\t"
                     "add %[r0], %[r0], %[c]\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "add %[r1], %[r1], %[c]\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "add %[r2], %[r2], %[c]\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [%[t]]\n\t"
                     "add %[r3], %[r3], %[c]\n\t"
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
                     : [r0] "+r"(r0), [r1] "+r"(r1), [r2] "+r"(r2), [r3] "+r"(r3), [p0] "+r"(p0),
                       [p1] "+r"(p1), [p2] "+r"(p2), [p3] "+r"(p3), [n] "+r"(count)
                     : [c] "r"(f->in_c), [t] "r"(f->spare)
                     : "q0", "q1", "q2", "q3", "memory");
}

/* Row `r` of every window of the planes becomes `value`. */
static void blank_row(const frame_t *f, int32_t r, int32_t value)
{
    const int8x16_t v = vdupq_n_s8((int8_t)value);
    const mve_pred16_t row = (mve_pred16_t)(0x1111 << r);
    for (int32_t i = 0; i < 4 * f->plane; i += 16) {
        vstrbq_p_s8(f->planes + i, v, row);
    }
}

/* What a row of outputs needs besides pointers; the assembly reads it at these offsets. */
typedef struct {
    int32_t low[4], high[4];    /* 0, 16: clamp */
    int32_t n;                  /* 32: output pixels */
    int32_t up;                 /* 36: 0 for the upper three rows of a window, 8 for the lower */
    int32_t next_x, next_out;   /* 40, 44: from the end of 4 channels to the next 4 */
    const int8_t *end;          /* 48: of the weight records */
} row_t;

/* One output row of up to 16 channels: `x` moves by `step` bytes a pixel, `out` by `c`. */
static inline void output_row(const row_t *k, const int8_t *x, int32_t step, const int8_t *record,
                              int8_t *out, int32_t c, int32_t zero)
{
    __asm__ volatile("mov r0, #3\n\t"
                     "vctp.32 r0\n"
                     "1:\n\t"
                     "ldrd r4, r0, [%[k], #32]\n\t"
                     "vpstttt\n\t"
                     "vldrwt.u32 q4, [%[w]]\n\t"
                     "vldrwt.u32 q5, [%[w], #12]\n\t"
                     "vldrwt.u32 q6, [%[w], #24]\n\t"
                     "vldrwt.u32 q7, [%[w], #36]\n\t"
                     "vshl.s32 q4, r0\n\t"
                     "vshl.s32 q5, r0\n\t"
                     "vshl.s32 q6, r0\n\t"
                     "vshl.s32 q7, r0\n\t"
                     "dls lr, r4\n"
                     "2:\n\t"
                     "vld40.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld41.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld42.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vld43.32 {q0, q1, q2, q3}, [%[x]]\n\t"
                     "vmladav.s8 r0, q0, q4\n\t"
                     "vmladav.s8 r2, q1, q5\n\t"
                     "vmladav.s8 r4, q2, q6\n\t"
                     "vmladav.s8 r6, q3, q7\n\t"
                     "vldrw.32 q1, [%[w], #48]\n\t"
                     "vmov q0[2], q0[0], r0, r4\n\t"
                     "vmov q0[3], q0[1], r2, r6\n\t"
                     "vadd.i32 q0, q0, q1\n\t"
                     "vldrw.32 q1, [%[w], #64]\n\t"
                     "vqrdmulh.s32 q0, q0, q1\n\t"
                     "vldrb.s32 q2, [%[w], #80]\n\t"
                     "vand q1, q0, q2\n\t"
                     "add %[x], %[x], %[step]\n\t"
                     "vshr.s32 q1, q1, #31\n\t"
                     "vadd.i32 q0, q0, q1\n\t"
                     "vldrw.32 q3, [%[k]]\n\t"
                     "vrshl.s32 q0, q0, q2\n\t"
                     "vadd.i32 q0, q0, %[zero]\n\t"
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
                     : [step] "r"(step), [c] "r"(c), [zero] "r"(zero), [k] "r"(k)
                     : "r0", "r2", "r4", "r6", "lr", "cc", "q0", "q1", "q2", "q3", "q4", "q5",
                       "q6", "q7", "memory");
}

static inline int32_t clip(int32_t x, int32_t high)
{
    return x < 0 ? 0 : (x > high ? high : x);
}

/* Planes of the channels from `in` (the image moved by as many channels) under input row y0. */
static inline void fill_planes(const eq_dwconv2d_s8_t *p, const frame_t *f, const int8_t *in,
                               int32_t y0, int32_t x0, int32_t columns, int32_t lanes)
{
    const int32_t left = clip(-x0, columns), inside = clip(p->in_w - x0, columns) - left;
    const int8_t *rows[4];
    for (int32_t r = 0; r < 4; r++) {
        rows[r] = in + clip(y0 + r, p->in_h - 1) * f->row + (x0 + left) * f->in_c;
    }
    interleave(f, rows, left, inside > 0 ? inside : 0, lanes);
    for (int32_t r = 0; r < 4; r++) {
        if (y0 + r < 0 || y0 + r >= p->in_h) {
            blank_row(f, r, p->in_zero);
        }
    }
}

void eq_dwconv2d_3x3_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    const int32_t stride = p->stride_w, chunk = stride == 1 ? CHUNK_1 : CHUNK_2;
    const int32_t width = p->out_w < chunk ? p->out_w : chunk, columns = (width - 1) * stride + 3;
    const int32_t out_row = p->out_w * p->out_c, both = p->stride_h == 1 ? 2 : 1;
    int8_t *planes = scratch;
    const frame_t f = {
        .planes = planes, .spare = planes + 64 * columns + 16, .plane = 16 * columns,
        .in_c = p->in_c, .row = p->in_w * p->in_c,
    };
    row_t k = {
        .low = {p->act_min, p->act_min, p->act_min, p->act_min},
        .high = {p->act_max, p->act_max, p->act_max, p->act_max},
    };
    for (int32_t oy = 0; oy < p->out_h; oy += both) {
        const int32_t y0 = oy * p->stride_h - p->pad_top;
        for (int32_t ox = 0; ox < p->out_w; ox += chunk) {
            k.n = p->out_w - ox < chunk ? p->out_w - ox : chunk;
            k.next_x = f.plane - 16 * stride * k.n;
            k.next_out = 4 - p->out_c * k.n;
            if (oy == 0 || p->out_w > chunk) {
                eq_mve_fill(planes, p->in_zero, 64 * columns);
            }
            for (int32_t c = 0; c < p->out_c; c += 16) {
                const int32_t lanes = p->out_c - c, records = lanes < 16 ? lanes / 4 : 4;
                const int8_t *record = p->weights + c / 4 * RECORD;
                int8_t *o = out + oy * out_row + ox * p->out_c + c;
                fill_planes(p, &f, in + c, y0, ox * stride - p->pad_left,
                            (k.n - 1) * stride + 3, lanes);
                k.end = record + records * RECORD;
                k.up = 0;
                output_row(&k, planes, 16 * stride, record, o, p->out_c, p->out_zero);
                if (both == 2 && oy + 1 < p->out_h) {
                    k.up = 8;
                    output_row(&k, planes, 16, record, o + out_row, p->out_c, p->out_zero);
                }
            }
        }
    }
}
#endif
