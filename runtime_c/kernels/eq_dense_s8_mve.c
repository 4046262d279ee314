/* eq_dense_s8_mve - dense layer, MVE: one matrix product with a single column a row. */
#include "eq_dense.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_dense.h"

void eq_dense_s8_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch)
{
    eq_mve_dense(p, in, out, scratch, eq_mve_gemv_s8);
}
#endif
