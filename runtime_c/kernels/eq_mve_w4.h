/* eq_mve_w4.h - the matrix products with 4-bit weights. MVE only.
 *
 * Records as in eq_mve_gemm.h, but a vector of 16 bytes holds 16 taps of two channels: the even one
 * in the low halves, the odd one in the high halves. Shifted left by 4, or without the low halves,
 * such a vector is 16 times the weights of a channel, so it is never unpacked: the sums are exact
 * multiples of 16 and lose the factor by a right shift. */
#ifndef EQ_MVE_W4_H
#define EQ_MVE_W4_H

#include "eq_mve_gemm.h"

eq_mve_gemm_fn eq_mve_gemm_s8w4;
void eq_mve_gemv_s8w4(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out);

#endif
