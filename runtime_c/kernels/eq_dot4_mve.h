/* eq_dot4_mve.h - dot products of one row with four columns, and their outputs, MVE: VMLADAVA over
 * 16 values, four outputs a vector. Nothing is read behind a row or column. */
#ifndef EQ_DOT4_MVE_H
#define EQ_DOT4_MVE_H

#include "eq_mve.h"
#include "eq_dense.h"

static inline int32_t eq_sum(const int8_t *x, int32_t k)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < k; i += 16) {
        sum = vaddvaq_s8(sum, vldrbq_z_s8(x + i, vctp8q((uint32_t)(k - i))));
    }
    return sum;
}

/* acc[j] = sum(a * b[j]) over k values; the sum of a. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    const int8_t *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, sum = 0, i = 0;
    for (; i + 16 <= k; i += 16) {
        const int8x16_t x = vldrbq_s8(a + i);
        s0 = vmladavaq_s8(s0, x, vldrbq_s8(b0 + i));
        s1 = vmladavaq_s8(s1, x, vldrbq_s8(b1 + i));
        s2 = vmladavaq_s8(s2, x, vldrbq_s8(b2 + i));
        s3 = vmladavaq_s8(s3, x, vldrbq_s8(b3 + i));
        sum = vaddvaq_s8(sum, x);
    }
    if (i < k) {
        const mve_pred16_t some = vctp8q((uint32_t)(k - i));
        const int8x16_t x = vldrbq_z_s8(a + i, some);
        s0 = vmladavaq_s8(s0, x, vldrbq_z_s8(b0 + i, some));
        s1 = vmladavaq_s8(s1, x, vldrbq_z_s8(b1 + i, some));
        s2 = vmladavaq_s8(s2, x, vldrbq_z_s8(b2 + i, some));
        s3 = vmladavaq_s8(s3, x, vldrbq_z_s8(b3 + i, some));
        sum = vaddvaq_s8(sum, x);
    }
    acc[0] = s0;
    acc[1] = s1;
    acc[2] = s2;
    acc[3] = s3;
    return sum;
}

/* Outputs of the first n of four sums. */
static inline void eq_put4(const eq_matmul_s8_t *p, const int32_t acc[4], int8_t *y, int32_t n)
{
    const mve_pred16_t some = vctp32q((uint32_t)n);
    const int32_t left = p->shift > 0 ? p->shift : 0;
    int32x4_t v = vshlq_r_s32(vldrwq_s32(acc), left);
    v = eq_mve_requant(v, vdupq_n_s32(p->mult), vdupq_n_s32(p->shift - left));
    v = vaddq_n_s32(v, p->out_zero);
    v = vmaxq_s32(vminq_s32(v, vdupq_n_s32(INT8_MAX)), vdupq_n_s32(INT8_MIN));
    if (p->y_col == 1) {
        vstrbq_p_s32(y, v, some);
    } else {
        const uint32x4_t lanes = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->y_col);
        vstrbq_scatter_offset_p_s32(y, lanes, v, some);
    }
}

#endif
