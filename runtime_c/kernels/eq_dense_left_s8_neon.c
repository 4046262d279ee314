/* eq_dense_left_s8_neon - eq_dense_s8_neon for multipliers of 1 and more,
 * whose accumulators shift to the left first. */
#define EQ_NEON_LEFT 1
#include "eq_dense.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

#include "eq_neon_dense_base.h"

void eq_dense_left_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                           void *restrict scratch)
{
    eq_neon_dense(p, in, out, scratch);
}

#endif
