/* eq_matmul_dyn.h - product of two 16-bit activations, both narrowed to 8 bits at run time, a row
 * or column at a time; over eq_dot4, which each ISA has. Any ISA. */
#ifndef EQ_MATMUL_DYN_H
#define EQ_MATMUL_DYN_H

#include "eq_dense.h"
#include "eq_dot_s16.h"
#include "eq_narrow.h"

/* Rows of one matrix, narrowed, and the largest value of each. */
typedef struct {
    const int8_t *values; /* (rows, k) */
    const int32_t *most;  /* (rows) */
} eq_rows_dyn_t;

/* What sums of a column are multiplied by, times its row's largest value: factor / 2^right. */
typedef struct {
    int32_t factor, right;
} eq_column_dyn_t;

/* mult * most / 2^shift with a factor of 15 bits. */
static inline eq_column_dyn_t eq_column_dyn(int32_t mult, int32_t most, int32_t shift)
{
    const int32_t product = mult * most;
    int32_t spare = 0;
    while (product >> spare >= 1 << 15) {
        spare++;
    }
    const int32_t factor = spare == 0 ? product : (product + (1 << (spare - 1))) >> spare;
    const eq_column_dyn_t c = {factor < INT16_MAX ? factor : INT16_MAX, shift - spare};
    return c;
}

/* Four columns of which `n` count, against all rows; their narrowed values go to `columns`. */
static inline void eq_matmul_dyn_panel(const eq_matmul_s16_t *p, const eq_rows_dyn_t *a,
                                       const int16_t *b, int16_t *y, int32_t n, int8_t *columns)
{
    const int32_t k = p->k;
    const int8_t *column[4];
    eq_column_dyn_t c[4];
    for (int32_t j = 0; j < 4; j++) {
        column[j] = columns + (j < n ? j : 0) * k; /* those that are missing repeat the first */
        if (j < n) {
            const int32_t most = eq_narrow(b + j * p->b_col, p->b_k, columns + j * k, k);
            c[j] = eq_column_dyn(p->mult, most, p->shift);
        }
    }
    for (int32_t r = 0; r < p->rows; r++, y += p->y_row) {
        int32_t acc[4];
        (void)eq_dot4(a->values + r * k, column, k, acc);
        for (int32_t j = 0; j < n; j++) {
            const int64_t sum = (int64_t)acc[j] * a->most[r];
            const int64_t half = (int64_t)1 << (c[j].right - 1);
            const int64_t v = (sum * c[j].factor + half) >> c[j].right;
            y[j * p->y_col] = (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
        }
    }
}

static inline void eq_matmul_dyn_one(const eq_matmul_s16_t *p, const int16_t *a, const int16_t *b,
                                     int16_t *y, void *scratch)
{
    const int32_t k = p->k;
    int32_t *most = scratch;
    int8_t *rows = (int8_t *)(most + p->rows), *columns = rows + p->rows * k;
    for (int32_t r = 0; r < p->rows; r++) {
        most[r] = eq_narrow(a + r * p->a_row, p->a_k, rows + r * k, k);
    }
    const eq_rows_dyn_t all = {rows, most};
    for (int32_t c = 0; c < p->cols; c += 4) {
        const int32_t n = p->cols - c < 4 ? p->cols - c : 4;
        eq_matmul_dyn_panel(p, &all, b + c * p->b_col, y + c * p->y_col, n, columns);
    }
}

static inline void eq_matmul_dyn_all(const eq_matmul_s16_t *p, const int16_t *a, const int16_t *b,
                                     int16_t *y, void *scratch)
{
    for (int32_t o = 0; o < p->outer; o++) {
        for (int32_t i = 0; i < p->inner; i++) {
            eq_matmul_dyn_one(p, a + o * p->a_outer + i * p->a_inner,
                              b + o * p->b_outer + i * p->b_inner,
                              y + o * p->y_outer + i * p->y_inner, scratch);
        }
    }
}

#endif
