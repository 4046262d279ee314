/* eq_matmul_s8 - product of two activations, portable C: four columns share the loads of a row. */
#include "eq_dot4.h"
#include "eq_matmul.h"

void eq_matmul_s8(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                  int8_t *restrict out, void *restrict scratch)
{
    eq_matmul_all(p, a, b, out, scratch);
}
