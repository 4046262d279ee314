/* eq_mve_dot4.h - dot products of one row with four columns, MVE: 16 values a pass. */
#ifndef EQ_MVE_DOT4_H
#define EQ_MVE_DOT4_H

#include <arm_mve.h>

/* acc[j] = sum(a * b[j]) over k values; the sum of a. Nothing is read behind a or b. */
static inline int32_t eq_dot4(const int8_t *a, const int8_t *const b[4], int32_t k,
                              int32_t acc[4])
{
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, sum = 0;
    for (int32_t i = 0; i < k; i += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(k - i));
        const int8x16_t x = vldrbq_z_s8(a + i, some);
        s0 = vmladavaq_s8(s0, x, vldrbq_z_s8(b[0] + i, some));
        s1 = vmladavaq_s8(s1, x, vldrbq_z_s8(b[1] + i, some));
        s2 = vmladavaq_s8(s2, x, vldrbq_z_s8(b[2] + i, some));
        s3 = vmladavaq_s8(s3, x, vldrbq_z_s8(b[3] + i, some));
        sum = vaddvaq_s8(sum, x);
    }
    acc[0] = s0;
    acc[1] = s1;
    acc[2] = s2;
    acc[3] = s3;
    return sum;
}

#endif
