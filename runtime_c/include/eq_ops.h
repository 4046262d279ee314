/* eq_ops.h - every operator of the runtime: its parameters, its contract, its prototype. Any ISA.
 *
 * For all: activations are int8 in NHWC order, batch 1. `shift` follows TensorFlow Lite: positive
 * is left, negative is right. `scratch` is 16-byte aligned and as large as the generator computed
 * for this layer and variant. Input and output overlap only where the generator allowed it.
 * A variant for an ISA has the same parameters and gives the same bytes; its weights may be
 * packed differently (see its file).
 */
#ifndef EQ_OPS_H
#define EQ_OPS_H

#include "eq.h"

/* --- convolution: y[oc] = requant(sum(x * w[oc]) + bias[oc]) --------------------------------
 * weights (out_c, kh, kw, in_c); padding reads as in_zero, already folded into bias. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t dil_h, dil_w;
    uint16_t pad_top, pad_left;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;  /* (out_c) */
    const int32_t *mult;  /* (out_c) Q31, > 0 or 0 */
    const int8_t *shift;  /* (out_c) */
} eq_conv2d_s8_t;

void eq_conv2d_s8(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch);

/* --- depthwise convolution: out_c = in_c * multiplier ----------------------------------------
 * output channel c reads input channel c / multiplier; weights (kh, kw, out_c). */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t dil_h, dil_w;
    uint16_t pad_top, pad_left;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mult;
    const int8_t *shift;
} eq_dwconv2d_s8_t;

void eq_dwconv2d_s8(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);

/* --- dense: weights (out_c, in_c); `rows` input vectors of in_c each --------------------------- */
typedef struct {
    uint16_t rows, in_c, out_c;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mult;
    const int8_t *shift;
} eq_dense_s8_t;

void eq_dense_s8(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                 void *restrict scratch);

/* --- addition, TensorFlow Lite's formula -------------------------------------------------------
 * y = out_zero + requant(requant((a - a_zero) << 20, a_mult, a_shift) + same for b, out_mult, ..)
 * `out` may be `a` or `b`. */
typedef struct {
    uint32_t n;
    int8_t a_zero, b_zero, out_zero;
    int8_t act_min, act_max;
    int8_t a_shift, b_shift, out_shift;
    int32_t a_mult, b_mult, out_mult;
} eq_add_s8_t;

void eq_add_s8(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- pooling: windows are clipped at the border; average divides by the clipped count, rounding
 * half away from zero; zero points of input and output are equal. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t act_min, act_max;
} eq_pool_s8_t;

void eq_avgpool_s8(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_maxpool_s8(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

#endif
