/* eq_conv2d_s8_neon_i8mm - convolution, NEON with SMMLA: 2 pixels x 2 channels x 8 k an
 * instruction; weights hold pairs of channels; tiles of 4 pixels x 16 channels. */
#include "eq_neon.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)

/* 8 k of two rows side by side: halves `lo` (k 0..7) and `hi` (k 8..15). */
typedef struct {
    int8x16_t lo, hi;
} pair_t;

static inline pair_t pair(const int8_t *a, const int8_t *b)
{
    const int64x2_t va = vreinterpretq_s64_s8(vld1q_s8(a)), vb = vreinterpretq_s64_s8(vld1q_s8(b));
    const pair_t p = {vreinterpretq_s8_s64(vzip1q_s64(va, vb)),
                      vreinterpretq_s8_s64(vzip2q_s64(va, vb))};
    return p;
}

static inline int32x4_t mac(int32x4_t acc, pair_t v, int8x16_t w_lo, int8x16_t w_hi)
{
    return vmmlaq_s32(vmmlaq_s32(acc, v.lo, w_lo), v.hi, w_hi);
}

/* Row `half` of two 2x2 results: 4 channels of one pixel. */
static inline int32x4_t row0(int32x4_t c01, int32x4_t c23)
{
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(c01), vreinterpretq_s64_s32(c23)));
}

static inline int32x4_t row1(int32x4_t c01, int32x4_t c23)
{
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(c01), vreinterpretq_s64_s32(c23)));
}

/* sums[i][c] = bias + pixel x[i] times channels 4c .. 4c+3 of the 16 in w. */
static inline void tile(const int8_t *const x[4], const int8_t *w, int32_t k,
                        const eq_neon_params_t q[4], int32x4_t sums[4][4])
{
    int32x4_t a[8], b[8];  /* pixels 0, 1 and 2, 3, each with channels 2c, 2c+1 */
    for (int32_t c = 0; c < 4; c++) {
        a[2 * c] = b[2 * c] = row0(q[c].bias, q[c].bias);
        a[2 * c + 1] = b[2 * c + 1] = row1(q[c].bias, q[c].bias);
    }
    for (int32_t j = 0; j < k; j += 16) {
        const pair_t v = pair(x[0] + j, x[1] + j), u = pair(x[2] + j, x[3] + j);
        for (int32_t c = 0; c < 8; c += 2, w += 64) {
            const int8x16x4_t t = vld1q_s8_x4(w);
            a[c] = mac(a[c], v, t.val[0], t.val[1]);
            a[c + 1] = mac(a[c + 1], v, t.val[2], t.val[3]);
            b[c] = mac(b[c], u, t.val[0], t.val[1]);
            b[c + 1] = mac(b[c + 1], u, t.val[2], t.val[3]);
        }
    }
    for (int32_t c = 0; c < 4; c++) {
        sums[0][c] = row0(a[2 * c], a[2 * c + 1]);
        sums[1][c] = row1(a[2 * c], a[2 * c + 1]);
        sums[2][c] = row0(b[2 * c], b[2 * c + 1]);
        sums[3][c] = row1(b[2 * c], b[2 * c + 1]);
    }
}

/* 16 channels of 4 pixels. */
static inline void block(const eq_conv2d_s8_t *p, const int8_t *const x[4], const int8_t *w,
                         int32_t k, int32_t oc, eq_neon_range_t range, int32_t plain,
                         int8x16_t y[4])
{
    eq_neon_params_t q[4];
    int32x4_t sums[4][4];
    for (int32_t c = 0; c < 4; c++) {
        q[c] = eq_neon_params(p->bias + oc + 4 * c, p->mult + oc + 4 * c, p->shift + oc + 4 * c);
    }
    tile(x, w, k, q, sums);
    for (int32_t i = 0; i < 4; i++) {
        y[i] = vcombine_s8(eq_neon_outputs8(sums[i][0], sums[i][1], q[0], q[1], range, plain),
                           eq_neon_outputs8(sums[i][2], sums[i][3], q[2], q[3], range, plain));
    }
}

static inline void pixels_as(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                             int8_t *const out[4], int32_t plain)
{
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    const int8_t *w = p->weights;
    int8x16_t y[4];
    int32_t oc = 0;
    for (; oc + 16 <= p->out_c; oc += 16, w += 16 * k) {
        block(p, x, w, k, oc, range, plain, y);
        for (int32_t i = 0; i < 4; i++) {
            vst1q_s8(out[i] + oc, y[i]);
        }
    }
    if (oc < p->out_c) {
        block(p, x, w, k, oc, range, plain, y);
        for (int32_t i = 0; i < 4; i++) {
            eq_neon_store(out[i] + oc, vget_low_s8(y[i]), p->out_c - oc);
            eq_neon_store(out[i] + oc + 8, vget_high_s8(y[i]), p->out_c - oc - 8);
        }
    }
}

static void pixels(const eq_conv2d_s8_t *p, const int8_t *const x[4], int32_t k,
                   int8_t *const out[4])
{
    if (eq_neon_plain(p->out_zero, p->act_min, p->act_max)) {
        pixels_as(p, x, k, out, 1);
    } else {
        pixels_as(p, x, k, out, 0);
    }
}

#include "eq_neon_conv.h"

void eq_conv2d_s8_neon_i8mm(const eq_conv2d_s8_t *p, const int8_t *restrict in,
                            int8_t *restrict out, void *restrict scratch)
{
    eq_neon_conv(p, in, out, scratch);
}

#endif
