/* eq_prelu_s8_const - PReLU with constant slopes, any ISA. */
#include "eq_ops.h"

void eq_prelu_s8_const(const eq_prelu_s8_t *p, const int8_t *a, int8_t *out)
{
    eq_prelu_s8(p, a, p->b, out);
}
