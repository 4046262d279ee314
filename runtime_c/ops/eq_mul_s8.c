/* eq_mul_s8 - product with a broadcast operand, portable C. */
#include "eq_scale.h"

#include "eq_mul_rows.h"

void eq_mul_s8(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const eq_out_t k = eq_out(p->mult, p->shift, p->out_zero, p->act_min, p->act_max);
    eq_mul_rows(p, k, a, b, out);
}
