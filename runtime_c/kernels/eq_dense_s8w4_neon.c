/* eq_dense_s8w4_neon - dense layer with 4-bit weights, NEON without dot product: SMULL + SMLAL add two products in 16 bits. */
#include "eq_dense.h"
#include "eq_neon.h"

#if defined(__ARM_NEON)

static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w)
{
    return eq_neon_mac16(acc, x, w);
}

#include "eq_neon_w4_dense.h"

void eq_dense_s8w4_neon(const eq_dense_s8_t *p, const int8_t *restrict in,
                         int8_t *restrict out, void *restrict scratch)
{
    eq_neon_w4_dense(p, in, out, scratch);
}

#endif
