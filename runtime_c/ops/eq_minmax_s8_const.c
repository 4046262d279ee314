/* eq_minmax_s8_const - minimum or maximum with a constant operand, any ISA. */
#include "eq_ops.h"

void eq_minmax_s8_const(const eq_minmax_s8_t *p, const int8_t *a, int8_t *out)
{
    eq_minmax_s8(p, a, p->b, out);
}
