/* eq_dense.h - dense layers and matrix products. Any ISA. */
#ifndef EQ_DENSE_H
#define EQ_DENSE_H

#include "eq.h"

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

/* --- 4-bit weights in [-7, 7], two a byte ---------------------------------------
 * Row oc of `weights` has h = (k + 1) / 2 bytes: tap i in the low half of byte i, tap i + h in the
 * high half. Variants pack as their Python file says. */
void eq_dense_s8w4(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);

void eq_dense_s8w4_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_dense_s8w4_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_dense_s8w4_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                        void *restrict scratch);
void eq_dense_s8w4_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                            int8_t *restrict out, void *restrict scratch);

/* --- weights with a zero point of the weights, of uint8 models: sum(x * (w - w_zero)) + bias ---
 * w_zero is the byte behind the weights; fewer than 2^16 products a sum. */
void eq_dense_s8wz(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);

/* --- packed weights: 4, 2 or 1 bits and small integer factors ---------------------------------------
 * A weight is an int8, factor * level; levels are packed, and a factor counts for `run` weights of a
 * row or for all of it. `weights` begins with an eq_packed_t, then come blocks of output channels, which
 * a variant unpacks into the int8 weights of one of its other kernels, as many as `block` says at a
 * time; so the sums are those of int8 weights, bit for bit. eq_packed.h has the layout. */
void eq_dense_s8p(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch);
void eq_dense_s8p_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8p_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8p_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8p_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_dense_s8p_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                           int8_t *restrict out, void *restrict scratch);

/* --- inputs -d, 0 and d alone (in_zero 0), weights -m and m of a channel: bits instead of products ----
 * acc = d * m * (values not 0 - 2 * products below 0) + bias. eq_bits.h has the layout of bits. */
void eq_dense_s8b(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch);
void eq_dense_s8b_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);

/* --- 16-bit activations, zero points 0, int8 weights ------------------------------------------------
 * y = clamp((acc * mult + 2^(shift - 1)) >> shift), acc = sum(x * w) + bias in 64 bits, mult in Q15:
 * TensorFlow Lite's requantization for them. The fields are those of the int8 structs. */
typedef struct {
    uint16_t rows, in_c, out_c;
    int8_t in_zero, out_zero;  /* 0 */
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
} eq_dense_s16_t;

void eq_dense_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                  void *restrict scratch);

/* Variants: sums of 32 bits, weights with bias, multiplier and shift among them (their Python file). */
void eq_dense_s16_mve(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch);
void eq_dense_s16_dsp(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch);
void eq_dense_s16_v7m(const eq_dense_s16_t *p, const int16_t *restrict in,
                      int16_t *restrict out, void *restrict scratch);
void eq_dense_s16_v6m(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch);
void eq_dense_s16_neon(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                       void *restrict scratch);

/* --- Helium (MVE) variants --------------------------------------------------------------------
 * `weights` hold bias, mult and shift too: see the kernel's Python file. Shifts are to the right but
 * where it says otherwise. */
void eq_dense_s8_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_left_s8_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch); /* any shift */

/* --- Cortex-M variants: DSP extension (dsp), ARMv7-M (v7m), ARMv6-M (v6m) -----------------------
 * Weights are packed as the kernel's Python file says. v6m: tensors are aligned to 4 bytes. */
void eq_dense_s8_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);

/* The same for any shift: channels whose factor is 1/2 or more. */
void eq_dense_left_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch);
void eq_dense_left_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch);

/* --- Cortex-A variants: NEON (ARMv7-A and AArch64), dot product--------------------------------- */
void eq_dense_left_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                           void *restrict scratch);
void eq_dense_left_s8_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                               int8_t *restrict out, void *restrict scratch);
void eq_dense_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out, void *restrict scratch);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` -----------------------------------
 * `weights` of the MAC layers are those of the portable kernels, with their tables behind
 * (eq_cmsis.h, edgeq/kernels/cmsis_nn.py). CMSIS-NN must be compiled beside. */
void eq_dense_s8_cmsis(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);

/* --- matrix product of two activations: outer * inner matrices a (rows, k), b (k, cols) ------------
 * y[r, c] = clamp(out_zero + requant(sum((a[r, i] - a_zero) * (b[i, c] - b_zero)))), every tensor with
 * a stride for each axis, so that it may be transposed or repeat. Sums shifted left stay below 2^30.
 * Scratch: 4 * k bytes unless b_k is 1, and k more unless a_k is 1. */
typedef struct {
    uint16_t outer, inner, rows, cols, k;
    int32_t a_outer, a_inner, a_row, a_k;
    int32_t b_outer, b_inner, b_col, b_k;
    int32_t y_outer, y_inner, y_row, y_col;
    int8_t a_zero, b_zero, out_zero;
    int8_t shift;
    int32_t mult;
} eq_matmul_s8_t;

void eq_matmul_s8(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                  int8_t *restrict out, void *restrict scratch);
void eq_matmul_s8_mve(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                      int8_t *restrict out, void *restrict scratch);
void eq_matmul_s8_dsp(const eq_matmul_s8_t *p, const int8_t *restrict a, const int8_t *restrict b,
                      int8_t *restrict out, void *restrict scratch);
void eq_matmul_s8_neon(const eq_matmul_s8_t *p, const int8_t *restrict a,
                       const int8_t *restrict b, int8_t *restrict out, void *restrict scratch);
void eq_matmul_s8_neon_dot(const eq_matmul_s8_t *p, const int8_t *restrict a,
                           const int8_t *restrict b, int8_t *restrict out, void *restrict scratch);

/* The same with 16-bit activations, zero points 0: 64-bit sums, `mult` and `shift` as eq_dense_s16. */
typedef struct {
    uint16_t outer, inner, rows, cols, k;
    int32_t a_outer, a_inner, a_row, a_k;
    int32_t b_outer, b_inner, b_col, b_k;
    int32_t y_outer, y_inner, y_row, y_col;
    int8_t shift;
    int16_t mult;
} eq_matmul_s16_t;

void eq_matmul_s16(const eq_matmul_s16_t *p, const int16_t *restrict a, const int16_t *restrict b,
                   int16_t *restrict out);

/* --- dynamic quantization: 16-bit tensors, of which every vector that meets a matrix is narrowed to
 * int8 by its own largest value m (eq_narrow.h). Sums are 127 times too large; `mult` has 15 bits,
 * `shift` is to the right: y = sat16(round((w x * m + 127 * bias) * mult / 2^shift)). ------------
 * Dense: in_zero and out_zero are 0, shift >= 1. Scratch: in_c bytes. */
void eq_dense_dyn_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch);

/* Matrix product: rows of a and columns of b are narrowed, shift >= 17.
 * Scratch: rows * (k + 4) + 4 * k bytes. */
void eq_matmul_dyn_s16(const eq_matmul_s16_t *p, const int16_t *restrict a,
                       const int16_t *restrict b, int16_t *restrict out, void *restrict scratch);

void eq_dense_dyn_s16_mve(const eq_dense_s16_t *p, const int16_t *restrict in,
                          int16_t *restrict out, void *restrict scratch);
void eq_matmul_dyn_s16_mve(const eq_matmul_s16_t *p, const int16_t *restrict a,
                           const int16_t *restrict b, int16_t *restrict out,
                           void *restrict scratch);

#endif
