/* eq_add_s8_cmsis - addition by arm_elementwise_add_s8 of a CMSIS-NN checkout. Any Cortex-M; the
 * factor 1/2 of the first input is a multiplier of 2^30. */
#include "eq_elementwise.h"
#include "eq_cmsis.h"

void eq_add_s8_cmsis(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    (void)arm_elementwise_add_s8(a, b, -p->a_zero, (int32_t)1 << 30, 0, -p->b_zero, p->b_mult,
                                 p->b_shift, 20, out, p->out_zero, p->out_mult, p->out_shift,
                                 p->act_min, p->act_max, (int32_t)p->n);
}
