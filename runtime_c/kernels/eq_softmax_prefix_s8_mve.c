/* eq_softmax_prefix_s8_mve - softmax over the first values of each row, MVE. */
#include "eq_norm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_softmax_kept.h"

void eq_softmax_prefix_s8_mve(const eq_softmax_prefix_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_softmax_prefix_rows(p, in, out, eq_softmax_s8_mve);
}
#endif
