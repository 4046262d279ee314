/* eq_softmax_prefix_s8 - softmax over the first values of each row, portable C. */
#include "eq_softmax_kept.h"

void eq_softmax_prefix_s8(const eq_softmax_prefix_s8_t *p, const int8_t *in, int8_t *out)
{
    eq_softmax_prefix_rows(p, in, out, eq_softmax_s8);
}
