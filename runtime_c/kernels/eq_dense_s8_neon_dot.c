/* eq_dense_s8_neon_dot - dense layer, NEON with SDOT by element: 16 channels a pass, a vector of
 * weights holds 4 channels x 4 k. */
#include "eq_dense.h"
#include "eq_neon.h"

#if defined(__ARM_FEATURE_DOTPROD)

#include "eq_neon_dense_dot.h"

void eq_dense_s8_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch)
{
    eq_neon_dense(p, in, out, scratch);
}

#endif
