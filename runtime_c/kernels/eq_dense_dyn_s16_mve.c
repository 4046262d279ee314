/* eq_dense_dyn_s16_mve - dense layer on rows narrowed at run time, MVE: 16 values of four rows a pass. */
#include "eq_dense.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_dot4.h"
#include "eq_dense_dyn.h"

void eq_dense_dyn_s16_mve(const eq_dense_s16_t *p, const int16_t *restrict in,
                          int16_t *restrict out, void *restrict scratch)
{
    eq_dense_dyn_all(p, in, out, scratch);
}
#endif
