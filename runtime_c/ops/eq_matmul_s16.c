/* eq_matmul_s16 - product of two 16-bit activations, portable C: 64-bit sums, any strides. */
#include "eq_dense.h"
#include "eq_dot_s16.h"

static void matrix(const eq_matmul_s16_t *p, const int16_t *a, const int16_t *b, int16_t *y)
{
    for (int32_t r = 0; r < p->rows; r++) {
        for (int32_t c = 0; c < p->cols; c++) {
            const int16_t *ai = a + r * p->a_row, *bi = b + c * p->b_col;
            int64_t acc = 0;
            for (int32_t i = 0; i < p->k; i++) {
                acc += ai[i * p->a_k] * bi[i * p->b_k];
            }
            const int32_t sum = eq_requant_s16(acc, p->mult, p->shift);
            y[r * p->y_row + c * p->y_col] = (int16_t)eq_clamp(sum, INT16_MIN, INT16_MAX);
        }
    }
}

void eq_matmul_s16(const eq_matmul_s16_t *p, const int16_t *restrict a, const int16_t *restrict b,
                   int16_t *restrict out)
{
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->inner; i++) {
            matrix(p, a + o * p->a_outer + i * p->a_inner, b + o * p->b_outer + i * p->b_inner,
                   out + o * p->y_outer + i * p->y_inner);
        }
    }
}
