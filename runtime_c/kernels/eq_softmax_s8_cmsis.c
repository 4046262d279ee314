/* eq_softmax_s8_cmsis - softmax by arm_softmax_s8 of a CMSIS-NN checkout. Any Cortex-M. */
#include "eq_norm.h"
#include "eq_cmsis.h"

void eq_softmax_s8_cmsis(const eq_softmax_cmsis_t *p, const int8_t *restrict in,
                         int8_t *restrict out)
{
    arm_softmax_s8(in, p->rows, p->c, p->mult, p->shift, p->diff_min, out);
}
