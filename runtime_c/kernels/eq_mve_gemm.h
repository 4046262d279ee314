/* eq_mve_gemm.h - the matrix product that the Helium convolutions share. MVE only. */
#ifndef EQ_MVE_GEMM_H
#define EQ_MVE_GEMM_H

#include "eq_ops.h"

/* weights: one record for every 4 output channels (the last one filled up with zeros):
 *   steps x 4 channels x 16 taps int8, then bias[4] int32, mult[4] int32, shift[4] int8 (all <= 0).
 * Taps beyond the last one have weight 0, so what a column holds there does not matter. */
typedef struct {
    const int8_t *weights;
    int32_t steps;   /* 16-tap steps of a column */
    int32_t out_c;
    int32_t out_zero, act_min, act_max;
} eq_mve_gemm_t;

/* out[i * out_c + c] for `pixels` columns; column i starts at cols + i * stride and is read for
 * 16 * steps bytes. `out` and `cols` are disjoint. */
void eq_mve_gemm_s8(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                    int8_t *out);

#endif
