/* eq_softmax_masked_s8_mve - softmax over the values that a mask keeps, MVE. */
#include "eq_norm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_softmax_kept.h"

void eq_softmax_masked_s8_mve(const eq_softmax_masked_s8_t *p, const int8_t *in, const int8_t *mask,
                              int8_t *out)
{
    eq_softmax_masked_rows(p, in, mask, out, eq_softmax_s8_mve);
}
#endif
