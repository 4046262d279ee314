/* eq_layernorm.h - what the kernels of LayerNorm share: a row's statistics in integers. Any ISA. */
#ifndef EQ_LAYERNORM_H
#define EQ_LAYERNORM_H

#include "eq_norm.h"
#include "eq_requant.h"
#include "eq_root.h"

/* A row: n = (x * factor + offset) * root * 2^-31, then a rounding shift by `right`. */
typedef struct {
    int32_t factor, offset, root, right;
} eq_layernorm_row_t;

/* From the sums of a row's values and of their squares. */
static inline eq_layernorm_row_t eq_layernorm_row(const eq_layernorm_s8_t *p, int32_t sum,
                                                  int32_t squares)
{
    const int32_t c = p->c, z = p->in_zero;
    eq_layernorm_row_t row;
    int64_t power = (int64_t)c * squares - (int64_t)sum * sum;
    if (!p->centered) {
        power = (int64_t)c * (squares + c * z * z - 2 * z * sum);
        sum = c * z;
    }
    row.factor = c << p->lift;
    row.offset = -sum * (1 << p->lift);
    row.root = eq_reciprocal_root((uint64_t)power + p->epsilon, &row.right);
    row.right += p->right;
    if (row.right > 31) { /* the values vanish beside epsilon */
        row.root = 0;
        row.right = 31;
    }
    return row;
}

#endif
