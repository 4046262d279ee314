/* eq_maxpool_s8_cmsis - maximum pooling by arm_max_pool_s8 of a CMSIS-NN checkout. Any Cortex-M. */
#include "eq_pool.h"
#include "eq_cmsis.h"

void eq_maxpool_s8_cmsis(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                         void *restrict scratch)
{
    const cmsis_nn_context context = eq_cmsis_context(scratch);
    const cmsis_nn_dims in_dims = eq_cmsis_dims(1, p->in_h, p->in_w, p->c);
    const cmsis_nn_dims window = eq_cmsis_dims(1, p->kh, p->kw, 1);
    const cmsis_nn_dims out_dims = eq_cmsis_dims(1, p->out_h, p->out_w, p->c);
    cmsis_nn_pool_params params;
    params.stride = eq_cmsis_tile(p->stride_h, p->stride_w);
    params.padding = eq_cmsis_tile(p->pad_top, p->pad_left);
    params.activation = eq_cmsis_range(p->act_min, p->act_max);
    (void)arm_max_pool_s8(&context, &params, &in_dims, in, &window, &out_dims, out);
}
