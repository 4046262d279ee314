/* eq_mve_gemm.h - the matrix products that the Helium convolutions share. MVE only. */
#ifndef EQ_MVE_GEMM_H
#define EQ_MVE_GEMM_H

#include "eq_conv.h"

/* weights: one record for every 4 output channels (the last one filled up with zeros):
 *   steps x 4 channels x 16 taps int8, then bias[4] int32, mult[4] int32, shift[4] int8 (all <= 0).
 * Taps beyond the last one have weight 0, so what a column holds there does not matter. */
typedef struct {
    const int8_t *weights;
    int32_t steps;   /* 16-tap steps of a column */
    int32_t out_c;
    int32_t row;     /* bytes from a pixel's outputs to the next one's */
    int32_t out_zero, act_min, act_max;
} eq_mve_gemm_t;

/* out_c outputs for each of `pixels` columns, `row` bytes apart; column i starts at
 * cols + i * stride and is read for 16 * steps bytes. `out` and `cols` are disjoint. The second one
 * is for act_min == out_zero. */
typedef void eq_mve_gemm_fn(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride,
                            int32_t pixels, int8_t *out);
eq_mve_gemm_fn eq_mve_gemm_s8, eq_mve_gemm_relu_s8;

/* The same for one column, 8 channels at a time. */
void eq_mve_gemv_s8(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out);

/* Both for records with left[4] int8 (all >= 0) behind shift. */
eq_mve_gemm_fn eq_mve_gemm_left_s8;
void eq_mve_gemv_left_s8(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out);

/* For columns and outputs of int16, strides and steps in bytes all the same: a step has 8 taps, mult
 * goes with VQDMULH (see edgeq/kernels/wide.py), shift is < 0. */
eq_mve_gemm_fn eq_mve_gemm_s16;
void eq_mve_gemv_s16(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out);

/* A convolution by one of the products above. Of `p` only the geometry counts, with in_c and out_c
 * in bytes, and in_zero. */
void eq_mve_conv2d(const eq_conv2d_s8_t *p, const eq_mve_gemm_t *g, const int8_t *in, int8_t *out,
                   int8_t *scratch, eq_mve_gemm_fn *gemm);

/* What the products read of an int8 convolution. */
static inline eq_mve_gemm_t eq_mve_gemm_of(const eq_conv2d_s8_t *p)
{
    const eq_mve_gemm_t g = {
        .weights = p->weights, .steps = (p->kh * p->kw * p->in_c + 15) / 16, .out_c = p->out_c,
        .row = p->out_c, .out_zero = p->out_zero, .act_min = p->act_min, .act_max = p->act_max,
    };
    return g;
}

#endif
