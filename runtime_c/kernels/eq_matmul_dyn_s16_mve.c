/* eq_matmul_dyn_s16_mve - product of narrowed activations, MVE: 16 values of four columns a pass. */
#include "eq_dense.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_dot4.h"
#include "eq_matmul_dyn.h"

void eq_matmul_dyn_s16_mve(const eq_matmul_s16_t *p, const int16_t *restrict a,
                           const int16_t *restrict b, int16_t *restrict out, void *restrict scratch)
{
    eq_matmul_dyn_all(p, a, b, out, scratch);
}
#endif
