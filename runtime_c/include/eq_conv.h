/* eq_conv.h - convolutions: with padding, depthwise, transposed. Any ISA. */
#ifndef EQ_CONV_H
#define EQ_CONV_H

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

void eq_conv2d_s8(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);

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

void eq_dwconv2d_s8(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);

/* --- 4-bit weights in [-7, 7], two a byte ---------------------------------------
 * Row oc of `weights` has h = (k + 1) / 2 bytes: tap i in the low half of byte i, tap i + h in the
 * high half. Variants pack as their Python file says. */
void eq_conv2d_s8w4(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);

void eq_conv2d_s8w4_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);

/* --- weights with a zero point of the weights, of uint8 models: sum(x * (w - w_zero)) + bias ---
 * w_zero is the byte behind the weights; fewer than 2^16 products a sum. */
void eq_conv2d_s8wz(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);
void eq_dwconv2d_s8wz(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);

/* --- packed weights: 4, 2 or 1 bits and small integer factors ---------------------------------------
 * A weight is an int8, factor * level; levels are packed, and a factor counts for `run` weights of a
 * row or for all of it. `weights` begins with an eq_packed_t, then come blocks of output channels, which
 * a variant unpacks into the int8 weights of one of its other kernels, as many as `block` says at a
 * time; so the sums are those of int8 weights, bit for bit. eq_packed.h has the layout. */
void eq_conv2d_s8p(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch);

/* --- inputs -d, 0 and d alone (in_zero 0), weights -m and m of a channel: bits instead of products ----
 * acc = d * m * (values not 0 - 2 * products below 0) + bias. dil_w is 1. eq_bits.h has the layout of
 * bits. `out` may start below a dying `in` by the generator's distance. */
void eq_conv2d_s8b(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8b_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);

/* --- 16-bit activations, zero points 0, int8 weights ------------------------------------------------
 * y = clamp((acc * mult + 2^(shift - 1)) >> shift), acc = sum(x * w) + bias in 64 bits, mult in Q15:
 * TensorFlow Lite's requantization for them. The fields are those of the int8 structs. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t dil_h, dil_w;
    uint16_t pad_top, pad_left;
    int8_t in_zero, out_zero;  /* 0 */
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
} eq_conv2d_s16_t;
typedef eq_conv2d_s16_t eq_dwconv2d_s16_t;

void eq_conv2d_s16(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_dwconv2d_s16(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
/* Variants: sums of 32 bits, weights with bias, multiplier and shift among them (their Python file).
 * `out` may start below a dying `in` by the generator's distance, and be `in` itself for depthwise
 * ones, which then copy rows to scratch (eq_dw_s16.h). */
void eq_conv2d_s16_mve(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_dsp(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_v7m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_v6m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_neon(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_dwconv2d_s16_mve(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch);
void eq_dwconv2d_s16_dsp(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch);
void eq_dwconv2d_s16_v7m(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch);
void eq_dwconv2d_s16_v6m(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                         void *scratch);
void eq_dwconv2d_s16_neon(const eq_dwconv2d_s16_t *p, const int16_t *in, int16_t *out,
                          void *scratch);

/* --- Helium (MVE) variants --------------------------------------------------------------------
 * `weights` of the MAC layers hold bias, mult and shift too: see the kernel's Python file. Shifts
 * are to the right but where it says otherwise. `out` may start below a dying `in` by the
 * generator's distance. */
void eq_conv2d_s8_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_relu_s8_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch); /* for act_min == out_zero */
void eq_conv2d_left_s8_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch); /* any shift */
void eq_dwconv2d_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                        void *scratch); /* plain weights and tables, any shift */
void eq_dwconv2d_3x3s1_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *scratch);
void eq_dwconv2d_3x3s1_relu_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                                   void *scratch);
void eq_dwconv2d_3x3s2_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *scratch);
void eq_dwconv2d_3x3s2_relu_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                                   void *scratch);

/* --- Cortex-M variants: DSP extension (dsp), ARMv7-M (v7m), ARMv6-M (v6m) -----------------------
 * Weights are packed as the kernel's Python file says. Where `out` is not restrict, it may start
 * below a dying `in` by the generator's distance. v6m: tensors are aligned to 4 bytes. */
void eq_conv2d_1x1_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_shallow_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *scratch);
void eq_dwconv2d_3x3_s8_dsp(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch);
void eq_conv2d_s8_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dwconv2d_3x3_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch);
void eq_dwconv2d_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dwconv2d_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dwconv2d_3x3_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch);
/* The same for any shift: channels whose factor is 1/2 or more. */
void eq_conv2d_left_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_conv2d_left_s8_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_dwconv2d_left_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch);
void eq_conv2d_left_s8_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_dwconv2d_left_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch);

/* --- transposed convolution: x[iy, ix] * w[oc, ky, kx] adds to y[iy * stride_h + ky - pad_top, ...]
 * weights (out_c, kh, kw, in_c); bias without the input's zero point. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mult;
    const int8_t *shift;
} eq_tconv2d_s8_t;

void eq_tconv2d_s8(const eq_tconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* The same with 16-bit activations; mult in Q15, shift to the right. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t in_zero, out_zero;  /* 0 */
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
} eq_tconv2d_s16_t;

void eq_tconv2d_s16(const eq_tconv2d_s16_t *p, const int16_t *restrict in,
                    int16_t *restrict out);

/* --- Cortex-A variants: NEON (ARMv7-A and AArch64), dot product, 8-bit matrix multiply ---------- */
void eq_conv2d_s8_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8_neon_i8mm(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dwconv2d_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                         void *restrict scratch);
void eq_dwconv2d_3x3_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *restrict scratch);
void eq_dwconv2d_s8_neon_dot(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *restrict scratch);
/* ..._left: for multipliers of 1 and more. */
void eq_conv2d_left_s8_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_left_s8_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                void *scratch);
void eq_conv2d_left_s8_neon_i8mm(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                                 void *scratch);
void eq_dwconv2d_left_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *restrict scratch);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` -----------------------------------
 * `weights` of the MAC layers are those of the portable kernels, with their tables behind
 * (eq_cmsis.h, edgeq/kernels/cmsis_nn.py). CMSIS-NN must be compiled beside. */
void eq_conv2d_s8_cmsis(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                        void *restrict scratch);
void eq_dwconv2d_s8_cmsis(const eq_dwconv2d_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out, void *restrict scratch);

/* --- layers in float32, the only floating point of the runtime: boards with an FPU, recipes that ask --
 * y = out_zero + round(clamp(bias + sum((in - in_zero) * w), low, high)), half away from zero: weights
 * (those of the integer convolutions) and bias are in output steps, sums float32 in the order of the
 * weights, the bias first, without fused multiply-add. low and high are clamps minus out_zero. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t dil_h, dil_w;
    uint16_t pad_top, pad_left;
    int16_t in_zero, out_zero;
    int32_t low, high;
    const float *weights;
    const float *bias;
} eq_window_f32_t;

/* `out` may start below a dying `in` by the generator's distance: pixels are written in order. */
void eq_conv2d_s8_f32(const eq_window_f32_t *p, const int8_t *in, int8_t *out);
void eq_conv2d_s16_f32(const eq_window_f32_t *p, const int16_t *in, int16_t *out);
void eq_dwconv2d_s8_f32(const eq_window_f32_t *p, const int8_t *in, int8_t *out);
void eq_dwconv2d_s16_f32(const eq_window_f32_t *p, const int16_t *in, int16_t *out);

#endif
