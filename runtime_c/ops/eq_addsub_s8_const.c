/* eq_addsub_s8_const - sum or difference with a constant operand, any ISA. */
#include "eq_ops.h"

void eq_addsub_s8_const(const eq_addsub_s8_t *p, const int8_t *a, int8_t *out)
{
    eq_addsub_s8(p, a, p->b, out);
}
