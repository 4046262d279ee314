/* eq_prelu_s8 - PReLU with broadcast slopes, portable C. */
#include "eq_scale.h"

#include "eq_prelu_rows.h"

void eq_prelu_s8(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    eq_prelu_rows(p, a, b, out);
}
