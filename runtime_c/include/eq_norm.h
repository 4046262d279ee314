/* eq_norm.h - rows of values together: softmax, layer norm, length 1. Any ISA. */
#ifndef EQ_NORM_H
#define EQ_NORM_H

#include "eq.h"

/* --- softmax of 16-bit activations -------------------------------------------------------------
 * Rows of c; out scale 1/32768. Tables of 513 entries in Q15: e^x on [-10, 0], 1 / (1 + x) on
 * [0, 1]; mult, shift take a difference of inputs to 65535 steps of [-10, 0]. `out` may be `in`. */
typedef struct {
    uint32_t rows;
    uint16_t c;
    int32_t mult;
    int8_t shift;
    const int16_t *exp, *reciprocal;
} eq_softmax_s16_t;

void eq_softmax_s16(const eq_softmax_s16_t *p, const int16_t *in, int16_t *out);

/* --- softmax over rows of c, TensorFlow Lite's fixed point; out scale 1/256, zero -128 -------------
 * exp[d] = e^(-d * scale * beta) in Q31 for a value d below the row's maximum; 0 from n_exp on.
 * `out` may be `in`. */
typedef struct {
    uint32_t rows;
    uint16_t c, n_exp;
    const int32_t *exp;
} eq_softmax_s8_t;

void eq_softmax_s8(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out);
/* Out scale 1/65536, zero -32768; disjoint. */
void eq_softmax_s8_s16(const eq_softmax_s8_t *p, const int8_t *in, int16_t *out);

/* --- logarithm of a softmax over rows of c < 2048 -------------------------------------------------
 * exp[d] = e^(-d * scale) in Q20, 0 from n_exp on; ln[i] = ln(1 + i / 256) in Q16, 257 entries; step
 * is the input's scale in Q24; mult, shift: 2^-16 / output scale, at most 1. `out` may be `in`. */
typedef struct {
    uint32_t rows, c, n_exp;
    int32_t step, mult;
    int8_t shift, out_zero;
    const int32_t *exp, *ln;
} eq_logsoftmax_s8_t;

void eq_logsoftmax_s8(const eq_logsoftmax_s8_t *p, const int8_t *in, int8_t *out);

/* --- softmax over the values of a row that a mask keeps --------------------------------------------
 * As eq_softmax_s8; -128 for the others. Row r has mask
 * r / each % masks; a row of which nothing is kept is `empty` throughout. `out` may be `in`.
 * prefix: row r keeps its first kept[r / each % masks] values; their number is below c + 1. */
typedef struct {
    uint32_t rows, masks, each;
    uint16_t c, n_exp;
    int8_t empty;
    const int32_t *exp;
    const uint16_t *kept;
} eq_softmax_prefix_s8_t;

void eq_softmax_prefix_s8(const eq_softmax_prefix_s8_t *p, const int8_t *in, int8_t *out);

/* mask: (masks, c), mask_zero where a value is left out; disjoint from `out`. */
typedef struct {
    uint32_t rows, masks, each;
    uint16_t c, n_exp;
    int8_t empty, mask_zero;
    const int32_t *exp;
} eq_softmax_masked_s8_t;

void eq_softmax_masked_s8(const eq_softmax_masked_s8_t *p, const int8_t *in, const int8_t *mask,
                          int8_t *out);

/* --- Helium (MVE) variants ------------------------------------------------------------------------ */
void eq_softmax_s8_mve(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out);
void eq_softmax_prefix_s8_mve(const eq_softmax_prefix_s8_t *p, const int8_t *in, int8_t *out);
void eq_softmax_masked_s8_mve(const eq_softmax_masked_s8_t *p, const int8_t *in, const int8_t *mask,
                              int8_t *out);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` --------------------------------*/
typedef struct {
    int32_t rows, c;
    int32_t mult, shift, diff_min;  /* of the differences to the row's maximum */
} eq_softmax_cmsis_t;

void eq_softmax_s8_cmsis(const eq_softmax_cmsis_t *p, const int8_t *restrict in,
                         int8_t *restrict out);

/* --- LayerNorm, or RMSNorm where not centered: rows of c values ------------------------------------
 * x = in - in_zero; d = c * x - sum(x), the sum 0 where not centered; n = d / sqrt(sum(d^2) / c +
 * epsilon) as an int16, fraction bits as `right` says; y = clamp(out_zero + requant(n * gamma + beta)).
 * c < 2^15, epsilon in [1, 2^62], shift <= 0; |d| << lift is below 2^30. `out` may be `in`. */
typedef struct {
    uint32_t rows;
    uint16_t c;
    int8_t in_zero, out_zero;
    int8_t centered;
    int8_t lift, right, shift;
    int32_t mult;
    uint64_t epsilon;
    const int16_t *gamma; /* (c) */
    const int32_t *beta;  /* (c) */
} eq_layernorm_s8_t;

void eq_layernorm_s8(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out);
void eq_layernorm_s8_mve(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out);
void eq_layernorm_s8_dsp(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out);
void eq_layernorm_s8_neon(const eq_layernorm_s8_t *p, const int8_t *in, int8_t *out);

/* --- n rows of c values to a length of 1: y = clamp(out_zero + requant(x, r', shift - right)) for
 * x = in - zero, 1 / sqrt(sum of x^2) = r * 2^(-31 - right), r' = r * mult * 2^-31, or r where mult
 * is 0. c <= 33025, shift <= 21; out may be in. */
typedef struct {
    uint32_t n, c;
    int8_t zero, out_zero, shift;
    int32_t mult;
} eq_l2norm_s8_t;

void eq_l2norm_s8(const eq_l2norm_s8_t *p, const int8_t *in, int8_t *out);

#endif
