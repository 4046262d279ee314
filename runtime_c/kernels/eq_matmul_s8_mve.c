/* eq_matmul_s8_mve - product of two activations, MVE: one row against four columns. */
#include "eq_dense.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_dot4_mve.h"
#include "eq_matmul.h"

void eq_matmul_s8_mve(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                      int8_t *restrict out, void *restrict scratch)
{
    eq_matmul_all(p, a, b, out, scratch);
}
#endif
