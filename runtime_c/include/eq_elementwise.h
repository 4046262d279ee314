/* eq_elementwise.h - sums, products, tables, comparisons: value by value. Any ISA. */
#ifndef EQ_ELEMENTWISE_H
#define EQ_ELEMENTWISE_H

#include "eq.h"

/* --- 16-bit activations, zero points 0 ----------------------------------------------------------
 * Sum: y = clamp(requant(requant(a << 15, a_mult, a_shift) + requant(b << 15, ..), out_mult, out_shift));
 * shifts <= 0. `out` may be `a` or `b`. */
typedef struct {
    uint32_t n;
    int16_t act_min, act_max;
    int8_t a_shift, b_shift, out_shift;
    int32_t a_mult, b_mult, out_mult;
} eq_add_s16_t;

void eq_add_s16(const eq_add_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out);

/* y = clamp(requant(a_sign * a' + b_sign * b', ..)) of those terms; loops as eq_addsub_s8_t. */
typedef struct {
    uint32_t outer, n, inner;
    int16_t act_min, act_max;
    int8_t a_sign, b_sign;
    int8_t a_shift, b_shift, out_shift;
    int32_t a_mult, b_mult, out_mult;
} eq_addsub_s16_t;

void eq_addsub_s16(const eq_addsub_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out);

/* y = clamp(requant(a * b, mult, shift)), shift <= 0; loops as eq_mul_s8_t. */
typedef struct {
    uint32_t outer, n, inner;
    int16_t act_min, act_max;
    int8_t shift;
    int32_t mult;
} eq_mul_s16_t;

void eq_mul_s16(const eq_mul_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out);

/* y = clamp(requant(x)) by one factor for x >= 0 and another one below. `out` may be `in`. */
typedef struct {
    uint32_t n;
    int16_t act_min, act_max;
    int8_t below_sign;  /* 1 or -1 */
    int8_t above_shift, below_shift;
    int32_t above_mult, below_mult;
} eq_slopes_s16_t;

void eq_slopes_s16(const eq_slopes_s16_t *p, const int16_t *in, int16_t *out);

/* 1 / (1 + e^-x) and tanh(x) in Q15; x * mult >> shift has steps of 1 / 12288. `table`: 256 entries
 * of 1 / (1 + e^-x) in Q16, 1/24 apart. 0 <= shift <= 29. `out` may be `in`. */
typedef struct {
    uint32_t n;
    int32_t mult;
    int8_t shift;
    const uint16_t *table;
} eq_sigmoid_s16_t;

void eq_logistic_s16(const eq_sigmoid_s16_t *p, const int16_t *in, int16_t *out);
void eq_tanh_s16(const eq_sigmoid_s16_t *p, const int16_t *in, int16_t *out);

/* Any function: y = table[i] + (x's place) * (table[i + 1] - table[i]), i = (x + 32768) / 128 of 513
 * entries. `out` may be `in`. */
typedef struct {
    uint32_t n;
    const int16_t *table;
} eq_lut_s16_t;

void eq_lut_s16(const eq_lut_s16_t *p, const int16_t *in, int16_t *out);

/* Minimum or maximum of saturated requant(a), requant(b); a factor of 0 leaves its operand as it
 * is. Loops as eq_addsub_s8_t. Shifts <= 15. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t is_max;
    int8_t a_shift, b_shift;
    int32_t a_mult, b_mult;
} eq_minmax_s16_t;

void eq_minmax_s16(const eq_minmax_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out);

/* PReLU: saturated requant(a) for a >= 0, else requant(a * b) by neg_mult. pos_shift <= 15,
 * neg_shift <= 0; loops as eq_addsub_s8_t. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t pos_shift, neg_shift;
    int32_t pos_mult, neg_mult;
} eq_prelu_s16_t;

void eq_prelu_s16(const eq_prelu_s16_t *p, const int16_t *a, const int16_t *b, int16_t *out);

/* --- between widths: y = saturate(requant(x - in_zero, mult, shift) + out_zero) ------------------
 * `out` of s16_s8 and s16 may be `in`; that of s8_s16 may start n or more bytes below `in`. */
typedef struct {
    uint32_t n;
    int16_t in_zero, out_zero;
    int8_t shift;
    int32_t mult;
} eq_requantize_t;

void eq_requantize_s8_s16(const eq_requantize_t *p, const int8_t *in, int16_t *out);
void eq_requantize_s16_s8(const eq_requantize_t *p, const int16_t *in, int8_t *out);
void eq_requantize_s16(const eq_requantize_t *p, const int16_t *in, int16_t *out);
void eq_requantize_s16_s32(const eq_requantize_t *p, const int16_t *in, int32_t *out);

/* --- addition of equal shapes, TensorFlow Lite's formula ----------------------------------------
 * y = clamp(out_zero + requant(((a - a_zero) << 19)
 *                              + requant((b - b_zero) << 20, b_mult, b_shift), out_mult, out_shift))
 * `a` is the input with the larger scale: its factor is 1/2, so it needs no multiplication.
 * b_shift, out_shift <= 0. `out` may be `a` or `b`. */
typedef struct {
    uint32_t n;
    int8_t a_zero, b_zero, out_zero;
    int8_t act_min, act_max;
    int8_t b_shift, out_shift;
    int32_t b_mult, out_mult;
} eq_add_s8_t;

void eq_add_s8(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- sum or difference, `b` broadcast: a is (outer, n, inner), b is (n) ---------------------------
 * y = clamp(out_zero + requant(a_sign * requant((a - a_zero) << 20, a_mult, a_shift)
 *                              + b_sign * requant((b - b_zero) << 20, ..), out_mult, out_shift))
 * Shifts <= 0, signs 1 or -1; one of the inputs' factors is exactly 1/2. `out` may be `a`, and
 * `b` too where outer = inner = 1. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_zero, b_zero, out_zero;
    int8_t act_min, act_max;
    int8_t a_sign, b_sign;
    int8_t a_shift, b_shift, out_shift;
    int32_t a_mult, b_mult, out_mult;
} eq_addsub_s8_t;

void eq_addsub_s8(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- square of the difference, `b` broadcast as in eq_addsub_s8, TensorFlow Lite's formula ---------
 * y = clamp(out_zero + requant((requant((a - a_zero) << 7, a_mult, a_shift)
 *                               - requant((b - b_zero) << 7, ..))^2, out_mult, out_shift))
 * Shifts <= 0; one of the inputs' factors is exactly 1/2. `out` may be `a`, and `b` too where
 * outer = inner = 1. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_zero, b_zero, out_zero;
    int8_t a_shift, b_shift, out_shift;
    int32_t a_mult, b_mult, out_mult;
} eq_sqdiff_s8_t;

void eq_sqdiff_s8(const eq_sqdiff_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- product, `b` broadcast as in eq_addsub_s8: shift <= 11,
 * y = clamp(out_zero + requant((a - a_zero) * (b - b_zero))). */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_zero, b_zero, out_zero;
    int8_t act_min, act_max;
    int8_t shift;
    int32_t mult;
} eq_mul_s8_t;

void eq_mul_s8(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- any function of one value: y = table[(uint8_t)x]; `out` may be `in` ------------------------- */
typedef struct {
    uint32_t n;
    const int8_t *table;  /* 256: for x = 0..127, then -128..-1 */
} eq_lut_s8_t;

void eq_lut_s8(const eq_lut_s8_t *p, const int8_t *in, int8_t *out);

void eq_add_s8_mve(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_add_s8_dsp(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_add_s8_v7m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_add_s8_v6m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- minimum or maximum, `b` broadcast as in eq_addsub_s8; a table of 0 leaves that operand as it
 * is, another one is read as in eq_lut_s8_t and brings it to the output's parameters. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t is_max;
    const int8_t *a_table, *b_table;
} eq_minmax_s8_t;

void eq_minmax_s8(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- PReLU, slopes `b` broadcast as in eq_addsub_s8 ------------------------------------------------
 * y = clamp(out_zero + requant(x, pos_mult, pos_shift)) for x = a - a_zero >= 0,
 * else requant(x * (b - b_zero), neg_mult, neg_shift). Shifts <= 11. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_zero, b_zero, out_zero;
    int8_t pos_shift, neg_shift;
    int32_t pos_mult, neg_mult;
} eq_prelu_s8_t;

void eq_prelu_s8(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- Cortex-A variants: NEON (ARMv7-A and AArch64) ---------------------------------------------- */
void eq_add_s8_neon(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_mul_s8_neon(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_neon(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_neon(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_neon(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_lut_s8_neon(const eq_lut_s8_t *p, const int8_t *in, int8_t *out);

/* --- Cortex-M variants: DSP extension (dsp), ARMv7-M (v7m), ARMv6-M (v6m) ----------------------- */
void eq_mul_s8_dsp(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_mul_s8_v7m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_mul_s8_v6m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_dsp(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_v7m(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_v6m(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_dsp(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_v7m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_v6m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

void eq_minmax_s8_dsp(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_v7m(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- Helium (MVE) variants ------------------------------------------------------------------------ */
void eq_mul_s8_mve(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_mve(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_mve(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_mve(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_lut_s8_mve(const eq_lut_s8_t *p, const int8_t *in, int8_t *out);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` --------------------------------*/
void eq_add_s8_cmsis(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- quotient, `b` broadcast as in eq_addsub_s8: y = clamp(out_zero + requant((num - num_zero) *
 * inverse[(uint8_t)den])), num / den being a / b, or b / a where a_divides. `out` may be `a`. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_divides;
    int8_t num_zero, out_zero;
    int8_t act_min, act_max;
    int8_t shift;
    int32_t mult;
    const int32_t *inverse; /* 256: 2^22 / (den - its zero) */
} eq_div_s8_t;

void eq_div_s8(const eq_div_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- comparison of requant((a - a_zero) << left) with b likewise; loops as eq_mul_s8_t -------------
 * y is `less` where a < b, `equal` or `greater`. `out` may be `a`, and `b` where n counts both. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t a_zero, b_zero;
    int8_t left;
    int8_t less, equal, greater;
    int8_t a_shift, b_shift;
    int32_t a_mult, b_mult;
} eq_compare_s8_t;

void eq_compare_s8(const eq_compare_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* --- y = a where c != c_zero, else b, over (n0, n1, n2, n3) ---------------------------------------
 * strides of each operand, 0 where it repeats; tables as eq_lut_s8_t, or null. */
typedef struct {
    uint32_t n0, n1, n2, n3;
    uint32_t c0, c1, c2, c3;
    uint32_t a0, a1, a2, a3;
    uint32_t b0, b1, b2, b3;
    int8_t c_zero;
    const int8_t *a_table, *b_table;
} eq_select_s8_t;

void eq_select_s8(const eq_select_s8_t *p, const int8_t *c, const int8_t *a, const int8_t *b,
                  int8_t *restrict out);

#endif
