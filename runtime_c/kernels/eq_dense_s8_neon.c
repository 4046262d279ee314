/* eq_dense_s8_neon - dense layer, NEON without dot product: 16 k of 4 channels at a time against
 * one vector of inputs; SMULL + SMLAL add two products in 16 bits (weights >= -127). */
#include "eq_dense.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

#include "eq_neon_dense_base.h"

void eq_dense_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    eq_neon_dense(p, in, out, scratch);
}

#endif
