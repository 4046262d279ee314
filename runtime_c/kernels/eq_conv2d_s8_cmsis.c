/* eq_conv2d_s8_cmsis - convolution by arm_convolve_wrapper_s8 of a CMSIS-NN checkout. Any Cortex-M;
 * padding is what CMSIS-NN subtracts to nothing, so the bias comes unfolded. */
#include "eq_conv.h"
#include "eq_cmsis.h"

void eq_conv2d_s8_cmsis(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                        void *restrict scratch)
{
    const int32_t taps = (int32_t)p->kh * p->kw * p->in_c;
    const eq_cmsis_tables_t t = eq_cmsis_tables(p->weights, taps * p->out_c, p->out_c);
    const cmsis_nn_context context = eq_cmsis_context(scratch);
    const cmsis_nn_dims in_dims = eq_cmsis_dims(1, p->in_h, p->in_w, p->in_c);
    const cmsis_nn_dims filter = eq_cmsis_dims(p->out_c, p->kh, p->kw, p->in_c);
    const cmsis_nn_dims bias = eq_cmsis_dims(1, 1, 1, p->out_c);
    const cmsis_nn_dims out_dims = eq_cmsis_dims(1, p->out_h, p->out_w, p->out_c);
    cmsis_nn_conv_params params;
    params.input_offset = -p->in_zero;
    params.output_offset = p->out_zero;
    params.stride = eq_cmsis_tile(p->stride_h, p->stride_w);
    params.padding = eq_cmsis_tile(p->pad_top, p->pad_left);
    params.dilation = eq_cmsis_tile(p->dil_h, p->dil_w);
    params.activation = eq_cmsis_range(p->act_min, p->act_max);
    (void)arm_convolve_wrapper_s8(&context, &params, &t.quant, &in_dims, in, &filter, p->weights,
                                  &bias, t.bias, &out_dims, out);
}
