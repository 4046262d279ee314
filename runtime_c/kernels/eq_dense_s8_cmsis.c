/* eq_dense_s8_cmsis - dense layer by arm_fully_connected_wrapper_s8 of a CMSIS-NN checkout. Any
 * Cortex-M; behind the usual tables lie the kernel sums (bias with the zero point folded in), which
 * CMSIS-NN for Helium wants, and a word that is 1 where the channels' multipliers differ. */
#include "eq_dense.h"
#include "eq_cmsis.h"

void eq_dense_s8_cmsis(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch)
{
    const int32_t out_c = p->out_c;
    const eq_cmsis_tables_t t = eq_cmsis_tables(p->weights, p->in_c * out_c, out_c);
    const int32_t *const sums = t.bias + 3 * out_c;
    const cmsis_nn_context context = eq_cmsis_context(eq_cmsis_unconst(sums));
    const cmsis_nn_dims in_dims = eq_cmsis_dims(p->rows, 1, 1, p->in_c);
    const cmsis_nn_dims filter = eq_cmsis_dims(p->in_c, 1, 1, out_c);
    const cmsis_nn_dims bias = eq_cmsis_dims(1, 1, 1, out_c);
    const cmsis_nn_dims out_dims = eq_cmsis_dims(p->rows, 1, 1, out_c);
    cmsis_nn_fc_params params;
    cmsis_nn_quant_params quant;
    (void)scratch;
    params.input_offset = -p->in_zero;
    params.filter_offset = 0;
    params.output_offset = p->out_zero;
    params.activation = eq_cmsis_range(p->act_min, p->act_max);
    quant.multiplier = t.quant.multiplier;
    quant.shift = t.quant.shift;
    quant.is_per_channel = sums[out_c];
    (void)arm_fully_connected_wrapper_s8(&context, &params, &quant, &in_dims, in, &filter,
                                         p->weights, &bias, t.bias, &out_dims, out);
}
