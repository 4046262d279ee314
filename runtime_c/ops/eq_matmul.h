/* eq_matmul.h - the body of eq_matmul_s8 over eq_sum, eq_dot4 and eq_put4, which each ISA has.
 *
 * sum((a - az) * (b - bz)) = sum(a * b) - bz * sum(a) + (k * az * bz - az * sum(b)): the last part
 * is worked out once for every panel of four columns, which then meet all rows. Any ISA. */
#ifndef EQ_MATMUL_H
#define EQ_MATMUL_H

/* k values `step` apart, side by side at `to`, or where they are if they lie so already. */
static inline const int8_t *eq_matmul_line(const int8_t *from, int32_t k, int32_t step, int8_t *to)
{
    if (step == 1) {
        return from;
    }
    for (int32_t i = 0; i < k; i++) {
        to[i] = from[i * step];
    }
    return to;
}

/* Four columns of which `n` count, against all rows of one matrix. */
static inline void eq_matmul_panel(const eq_matmul_s8_t *p, const int8_t *a, const int8_t *b,
                                   int8_t *y, int32_t n, int8_t *scratch)
{
    const int32_t k = p->k;
    const int8_t *column[4];
    int32_t bias[4];
    for (int32_t j = 0; j < 4; j++) {
        /* columns that are missing repeat the first one */
        column[j] = j < n ? eq_matmul_line(b + j * p->b_col, k, p->b_k, scratch) : column[0];
        scratch += j < n && p->b_k != 1 ? k : 0;
        bias[j] = p->a_zero == 0 ? 0 : p->a_zero * (k * p->b_zero - eq_sum(column[j], k));
    }
    for (int32_t r = 0; r < p->rows; r++, a += p->a_row, y += p->y_row) {
        int32_t acc[4];
        const int8_t *row = eq_matmul_line(a, k, p->a_k, scratch);
        const int32_t sum = eq_dot4(row, column, k, acc);
        for (int32_t j = 0; j < 4; j++) {
            acc[j] += bias[j] - p->b_zero * sum;
        }
        eq_put4(p, acc, y, n);
    }
}

static inline void eq_matmul_all(const eq_matmul_s8_t *p, const int8_t *a, const int8_t *b,
                                 int8_t *y, int8_t *scratch)
{
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->inner; i++) {
            const int8_t *ai = a + o * p->a_outer + i * p->a_inner;
            const int8_t *bi = b + o * p->b_outer + i * p->b_inner;
            int8_t *yi = y + o * p->y_outer + i * p->y_inner;
            for (int32_t c = 0; c < p->cols; c += 4) {
                const int32_t n = p->cols - c < 4 ? p->cols - c : 4;
                eq_matmul_panel(p, ai, bi + c * p->b_col, yi + c * p->y_col, n, scratch);
            }
        }
    }
}

#endif
