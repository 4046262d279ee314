/* eq_addsub_s8 - sum or difference with a broadcast operand, portable C. */
#include "eq_scale.h"

#include "eq_addsub_rows.h"

void eq_addsub_s8(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const eq_out_t k = eq_out(p->out_mult, p->out_shift, p->out_zero, p->act_min, p->act_max);
    eq_addsub_rows(p, k, a, b, out);
}
