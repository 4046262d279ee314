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

/* --- the same two with 4-bit weights in [-7, 7], two a byte ---------------------------------------
 * Row oc of `weights` has h = (k + 1) / 2 bytes: tap i in the low half of byte i, tap i + h in the
 * high half. Variants pack as their Python file says. */
void eq_conv2d_s8w4(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);
void eq_dense_s8w4(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);

void eq_conv2d_s8w4_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8w4_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dense_s8w4_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_dense_s8w4_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_dense_s8w4_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                        void *restrict scratch);
void eq_dense_s8w4_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                            int8_t *restrict out, void *restrict scratch);

/* --- the three with a zero point of the weights, of uint8 models: sum(x * (w - w_zero)) + bias ---
 * w_zero is the byte behind the weights; fewer than 2^16 products a sum. */
void eq_conv2d_s8wz(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);
void eq_dwconv2d_s8wz(const eq_dwconv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8wz(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);

/* --- packed weights: 4, 2 or 1 bits and small integer factors ---------------------------------------
 * A weight is an int8, factor * level; levels are packed, and a factor counts for `run` weights of a
 * row or for all of it. `weights` begins with an eq_packed_t, then come blocks of output channels, which
 * a variant unpacks into the int8 weights of one of its other kernels, as many as `block` says at a
 * time; so the sums are those of int8 weights, bit for bit. eq_packed.h has the layout. */
typedef struct {
    uint8_t bits;      /* of a level */
    uint8_t channels;  /* of a block */
    uint8_t head, tail;  /* bytes of the tables before and behind the weights of a block */
    uint16_t runs;     /* factors of a row */
    uint16_t units;    /* pieces of 16 weights (vectors) or 4 (words) a run and channel */
    uint16_t block;    /* channels that are unpacked at a time, whole blocks of them */
    uint16_t spare[3];
} eq_packed_t;

void eq_conv2d_s8p(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);
void eq_dense_s8p(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch);
void eq_conv2d_s8p_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_conv2d_s8p_neon_dot(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch);
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
 * acc = d * m * (values not 0 - 2 * products below 0) + bias. dil_w is 1. eq_bits.h has the layout of
 * bits. The convolutions' `out` may start below a dying `in` by the generator's distance. */
void eq_conv2d_s8b(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dense_s8b(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch);
void eq_conv2d_s8b_neon(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch);
void eq_dense_s8b_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);

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

typedef struct {
    uint16_t rows, in_c, out_c;
    int8_t in_zero, out_zero;  /* 0 */
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
} eq_dense_s16_t;

void eq_conv2d_s16(const eq_conv2d_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                   void *restrict scratch);
void eq_dwconv2d_s16(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                     int16_t *restrict out, void *restrict scratch);
void eq_dense_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                  void *restrict scratch);

/* Variants: sums of 32 bits, weights with bias, multiplier and shift among them (their Python file).
 * The convolutions' `out` may start below a dying `in` by the generator's distance. */
void eq_conv2d_s16_mve(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_dsp(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_v7m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_v6m(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_conv2d_s16_neon(const eq_conv2d_s16_t *p, const int16_t *in, int16_t *out, void *scratch);
void eq_dwconv2d_s16_mve(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_dwconv2d_s16_dsp(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_dwconv2d_s16_v7m(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_dwconv2d_s16_v6m(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_dwconv2d_s16_neon(const eq_dwconv2d_s16_t *p, const int16_t *restrict in,
                          int16_t *restrict out, void *restrict scratch);
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

/* y = clamp(requant(requant(a << 15, a_mult, a_shift) + requant(b << 15, ..), out_mult, out_shift));
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

/* As eq_mean_s8_t, n < 65536. */
typedef struct {
    uint32_t outer, n, inner;
    int32_t mult;
    int8_t shift;
} eq_mean_s16_t;

void eq_mean_s16(const eq_mean_s16_t *p, const int16_t *restrict in, int16_t *restrict out);

/* As eq_pool_s8_t. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int16_t act_min, act_max;
} eq_pool_s16_t;

void eq_avgpool_s16(const eq_pool_s16_t *p, const int16_t *restrict in, int16_t *restrict out);
void eq_maxpool_s16(const eq_pool_s16_t *p, const int16_t *restrict in, int16_t *restrict out);

/* Rows of c; out scale 1/32768. Tables of 513 entries in Q15: e^x on [-10, 0], 1 / (1 + x) on
 * [0, 1]; mult, shift take a difference of inputs to 65535 steps of [-10, 0]. `out` may be `in`. */
typedef struct {
    uint16_t rows, c;
    int32_t mult;
    int8_t shift;
    const int16_t *exp, *reciprocal;
} eq_softmax_s16_t;

void eq_softmax_s16(const eq_softmax_s16_t *p, const int16_t *in, int16_t *out);

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

/* --- product, `b` broadcast as above: y = clamp(out_zero + requant((a - a_zero) * (b - b_zero)));
 * shift <= 11. */
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

/* --- pooling: windows are clipped at the border; average divides by the clipped count, rounding
 * half away from zero; zero points of input and output are equal. Pixels are written in order,
 * each after its own reads, so `out` may start below a dying `in` by the generator's distance. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    uint16_t kh, kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t act_min, act_max;
} eq_pool_s8_t;

void eq_avgpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
/* Halves upwards, as TensorFlow Lite rounds uint8 means; no scratch. */
void eq_avgpool_s8_up(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);

/* --- mean or sum over the middle axis: in (outer, n, inner), out (outer, inner) --------------------
 * y = clamp(out_zero + requant(sum(x) + bias)); bias = -n * in_zero, 1/n is inside mult, shift. */
typedef struct {
    uint32_t outer, n, inner;
    int32_t bias, mult;
    int8_t shift, out_zero;
} eq_mean_s8_t;

void eq_mean_s8(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- softmax over rows of c, TensorFlow Lite's fixed point; out scale 1/256, zero -128 -------------
 * exp[d] = e^(-d * scale * beta) in Q31 for a value d below the row's maximum; 0 from n_exp on.
 * `out` may be `in`. */
typedef struct {
    uint16_t rows, c, n_exp;
    const int32_t *exp;
} eq_softmax_s8_t;

void eq_softmax_s8(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out);
/* Out scale 1/65536, zero -32768; disjoint. */
void eq_softmax_s8_s16(const eq_softmax_s8_t *p, const int8_t *in, int16_t *out);

/* --- constant padding of (in_h, in_w, in_c) ------------------------------------------------------ */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t top, bottom, left, right, front, back;  /* front, back: channels */
    int8_t value;
} eq_pad_s8_t;

void eq_pad_s8(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- copy of blocks: concatenation, split --------------------------------------------------------
 * block i of `outer`: chunk values from in + in_offset + i * in_stride to out + out_offset
 * + i * out_stride, through a table as in eq_lut_s8_t unless it is 0. */
typedef struct {
    uint32_t outer, chunk;
    uint32_t in_offset, in_stride;
    uint32_t out_offset, out_stride;
    const int8_t *table;
} eq_copy_s8_t;

void eq_copy_s8(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- window over a stream --------------------------------------------------------------------
 * `window` holds `outer` blocks of `size` bytes from run to run, values of any type: in each the
 * oldest `fresh` bytes leave, the others move to the front, and the next `fresh` bytes of `in`
 * follow. */
typedef struct {
    uint32_t outer, size, fresh;
} eq_shift_t;

void eq_shift(const eq_shift_t *p, const void *restrict in, void *restrict window);

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
void eq_dense_s8_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_left_s8_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch); /* any shift */
void eq_add_s8_mve(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_avgpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_mve(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

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
void eq_add_s8_dsp(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_add_s8_v7m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_add_s8_v6m(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_dense_s8_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);
void eq_dense_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     void *restrict scratch);

/* The same for any shift: channels whose factor is 1/2 or more. */
void eq_conv2d_left_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_conv2d_left_s8_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_dwconv2d_left_s8_v7m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch);
void eq_dense_left_s8_v7m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch);
void eq_conv2d_left_s8_v6m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out,
                           void *scratch);
void eq_dwconv2d_left_s8_v6m(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                             void *scratch);
void eq_dense_left_s8_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                          void *restrict scratch);

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

/* --- transpose, slice with any step: out (n0, n1, n2, n3) in order, out[i, j, k, l] =
 * in[start + i * s0 + j * s1 + k * s2 + l * s3] */
typedef struct {
    uint32_t n0, n1, n2, n3;
    int32_t s0, s1, s2, s3;
    int32_t start;
} eq_gather_s8_t;

void eq_gather_s8(const eq_gather_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- the same with four axes more in front: m0 to m3 of strides t0 to t3 ------------------------ */
typedef struct {
    uint32_t m0, m1, m2, m3;
    uint32_t n0, n1, n2, n3;
    int32_t t0, t1, t2, t3;
    int32_t s0, s1, s2, s3;
    int32_t start;
} eq_gather_deep_s8_t;

void eq_gather_deep_s8(const eq_gather_deep_s8_t *p, const int8_t *restrict in,
                       int8_t *restrict out);

/* --- resize of (in_h, in_w, c): input row and column of every output row and column ------------ */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    const uint16_t *rows, *columns;
} eq_resize_nearest_s8_t;

void eq_resize_nearest_s8(const eq_resize_nearest_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out);

/* Bilinear: rows and columns hold (low, high, part): low * (1024 - part) + high * part, rounded
 * half away from zero after both. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    const int16_t *rows, *columns;
} eq_resize_bilinear_s8_t;

void eq_resize_bilinear_s8(const eq_resize_bilinear_s8_t *p, const int8_t *restrict in,
                           int8_t *restrict out);

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

/* --- LSTM, GRU, RNN over `steps` vectors of in_c; the state starts at zero -------------------------
 * Rows of a gate: sat16(requant(w x + bias)) + sat16(requant(r h + bias)) in Q3.12; sigmoid and tanh
 * in Q0.15 by lines between the entries of `sigmoid`, sigmoid(i / 24) in Q0.16 for i < 256.
 * out: every step's state (steps, units), or the last one where last_only.
 * LSTM: gates i, f, g, o; c = sat16(f c + i g) with cell_bits integer bits, within cell_min and
 * cell_max; h = requant(o tanh(c)) + out_zero. Scratch: 11 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;  /* (4 * units, in_c), then (4 * units, units) */
    const int32_t *bias;    /* (4 * units) for the input, (4 * units) for the state */
    const int32_t *mult;    /* (4) gates of the input, (4) of the state */
    const int8_t *shift;    /* likewise */
    const uint16_t *sigmoid;
    int8_t cell_bits;
    int16_t cell_min, cell_max;
} eq_lstm_s8_t;

void eq_lstm_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                void *restrict scratch);

/* GRU: gates z, r, n; n = tanh(w x + r (u h)), or of w x + u (r h) where reset_first; the state
 * h = sat16((1 - z) n + z h) is Q0.15, the matrices see requant(h) + out_zero. 12 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;
    const int32_t *bias, *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t reset_first;
} eq_gru_s8_t;

void eq_gru_s8(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch);

/* RNN: one gate, h = requant(tanh(w x + r h)) + out_zero. Scratch: 3 * units bytes. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    int8_t out_zero, out_shift;
    int32_t out_mult;
    const int8_t *weights;
    const int32_t *bias, *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
} eq_rnn_s8_t;

void eq_rnn_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch);

/* The same from a state that is kept: `steps` more steps, which leave the next state in its place.
 * h has the output's parameters, c and the GRU's state are as above. Scratch: 8, 10 and 2 times
 * units bytes. */
void eq_lstm_step_s8(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, int16_t *restrict c, void *restrict scratch);
void eq_gru_step_s8(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int16_t *restrict state, void *restrict scratch);
void eq_rnn_step_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, void *restrict scratch);

/* --- recurrent layers with Helium ------------------------------------------------------------------ */
void eq_lstm_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                    void *restrict scratch);
void eq_gru_s8_mve(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);
void eq_rnn_s8_mve(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                   void *restrict scratch);
void eq_lstm_step_s8_mve(const eq_lstm_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, int16_t *restrict c, void *restrict scratch);
void eq_gru_step_s8_mve(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int16_t *restrict state, void *restrict scratch);
void eq_rnn_step_s8_mve(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                     int8_t *restrict h, void *restrict scratch);

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
void eq_dense_left_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                           void *restrict scratch);
void eq_dense_left_s8_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                               int8_t *restrict out, void *restrict scratch);
void eq_dwconv2d_left_s8_neon(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                              void *restrict scratch);
void eq_add_s8_neon(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_avgpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_neon(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_mul_s8_neon(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_neon(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_neon(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_neon(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_lut_s8_neon(const eq_lut_s8_t *p, const int8_t *in, int8_t *out);
void eq_copy_s8_neon(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_dense_s8_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch);
void eq_dense_s8_neon_dot(const eq_dense_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out, void *restrict scratch);

/* --- Cortex-M variants of the operators above without weights --------------------------------------- */
void eq_mul_s8_dsp(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_mul_s8_v7m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_mul_s8_v6m(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_dsp(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_v7m(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_v6m(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_dsp(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_v7m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_v6m(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_pad_s8_v7m(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_pad_s8_v6m(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_v7m(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_v6m(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

void eq_minmax_s8_dsp(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_v7m(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_maxpool_s8_dsp(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_v7m(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_avgpool_s8_dsp(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_avgpool_s8_v7m(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_dsp(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_mean_s8_v7m(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- and Helium ones */
void eq_mul_s8_mve(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_addsub_s8_mve(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_prelu_s8_mve(const eq_prelu_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_minmax_s8_mve(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_lut_s8_mve(const eq_lut_s8_t *p, const int8_t *in, int8_t *out);
void eq_softmax_s8_mve(const eq_softmax_s8_t *p, const int8_t *in, int8_t *out);
void eq_pad_s8_mve(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_copy_s8_mve(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` -----------------------------------
 * `weights` of the MAC layers are those of the portable kernels, with their tables behind
 * (eq_cmsis.h, edgeq/kernels/cmsis_nn.py). CMSIS-NN must be compiled beside. */
typedef struct {
    int32_t rows, c;
    int32_t mult, shift, diff_min;  /* of the differences to the row's maximum */
} eq_softmax_cmsis_t;

void eq_conv2d_s8_cmsis(const eq_conv2d_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                        void *restrict scratch);
void eq_dwconv2d_s8_cmsis(const eq_dwconv2d_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out, void *restrict scratch);
void eq_dense_s8_cmsis(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch);
void eq_add_s8_cmsis(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void eq_avgpool_s8_cmsis(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                         void *restrict scratch);
void eq_maxpool_s8_cmsis(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                         void *restrict scratch);
void eq_softmax_s8_cmsis(const eq_softmax_cmsis_t *p, const int8_t *restrict in,
                         int8_t *restrict out);

/* --- matrix product of two activations: outer * inner matrices a (rows, k), b (k, cols) ------------
 * y[r, c] = clamp(out_zero + requant(sum((a[r, i] - a_zero) * (b[i, c] - b_zero)))), every tensor with
 * a stride for each axis, so that it may be transposed or repeat. Sums shifted left stay below 2^30. Scratch: 4 * k bytes unless
 * b_k is 1, and k more unless a_k is 1. */
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

/* --- dynamic quantization: 16-bit tensors, of which every vector that meets a matrix is narrowed to
 * int8 by its own largest value m (eq_narrow.h). Sums are 127 times too large; `mult` has 15 bits,
 * `shift` is to the right: y = sat16(round((w x * m + 127 * bias) * mult / 2^shift)). ------------
 * Dense: in_zero and out_zero are 0, shift >= 1. Scratch: in_c bytes. */
void eq_dense_dyn_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch);

/* Matrix product: rows of a and columns of b are narrowed, strides as in eq_matmul_s8_t.
 * Scratch: rows * (k + 4) + 4 * k bytes. */
typedef struct {
    uint16_t outer, inner, rows, cols, k;
    int32_t a_outer, a_inner, a_row, a_k;
    int32_t b_outer, b_inner, b_col, b_k;
    int32_t y_outer, y_inner, y_row, y_col;
    int8_t shift; /* >= 17 */
    int16_t mult;
} eq_matmul_s16_t;

void eq_matmul_dyn_s16(const eq_matmul_s16_t *p, const int16_t *restrict a,
                       const int16_t *restrict b, int16_t *restrict out, void *restrict scratch);

/* LSTM and GRU as with 8 bits, but x and the state h have 16, h in Q0.15. Scratch: 12 * units bytes
 * for the LSTM, 10 * units for the GRU, and as many as in_c or units, whichever is more. */
typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult; /* a gate */
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t cell_bits;
    int16_t cell_min, cell_max;
} eq_lstm_s16_t;

void eq_lstm_dyn_s16(const eq_lstm_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                     void *restrict scratch);

typedef struct {
    uint16_t steps, in_c, units;
    int8_t last_only;
    const int8_t *weights;
    const int32_t *bias;
    const int16_t *mult;
    const int8_t *shift;
    const uint16_t *sigmoid;
    int8_t reset_first;
} eq_gru_s16_t;

void eq_gru_dyn_s16(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                    void *restrict scratch);

void eq_dense_dyn_s16_mve(const eq_dense_s16_t *p, const int16_t *restrict in,
                          int16_t *restrict out, void *restrict scratch);
void eq_matmul_dyn_s16_mve(const eq_matmul_s16_t *p, const int16_t *restrict a,
                           const int16_t *restrict b, int16_t *restrict out,
                           void *restrict scratch);
void eq_lstm_dyn_s16_mve(const eq_lstm_s16_t *p, const int16_t *restrict in,
                         int16_t *restrict out, void *restrict scratch);
void eq_gru_dyn_s16_mve(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                        void *restrict scratch);

/* --- SVDF: s = requant(x * features + offset) joins the state, y = requant(sum(state * times) + bias)
 * filters = units * rank; state (filters, memory) int16, the newest behind, within state_max; sums over
 * time end where they or their left shift leave int32. */
typedef struct {
    uint16_t in_c, units, rank, memory;
    int8_t out_zero;
    int16_t state_max;   /* 127 or 32767 */
    int8_t state_zero;   /* with 127: where int8 values of the file wrap around */
    int8_t state_shift, out_shift;
    int32_t state_mult, out_mult;
    const int8_t *features;  /* (filters, in_c) */
    const int32_t *offset;   /* (filters) */
    const int16_t *times;    /* (filters, memory) */
    const int32_t *bias;     /* (units) */
} eq_svdf_s8_t;

void eq_svdf_s8(const eq_svdf_s8_t *p, const int8_t *in, int8_t *out, int16_t *state);

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

/* --- index of the largest (sign 1) or smallest (sign -1) of n values, (outer, n, inner) ------------
 * the first of equals, or the last one where `last`. */
typedef struct {
    uint32_t outer, n, inner;
    int8_t sign, last;
} eq_argextreme_s8_t;

void eq_argextreme_s8(const eq_argextreme_s8_t *p, const int8_t *restrict in,
                      int32_t *restrict out);

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

/* --- n rows of c values to a length of 1: y = clamp(out_zero + requant(x, r', shift - right)) for
 * x = in - zero, 1 / sqrt(sum of x^2) = r * 2^(-31 - right), r' = r * mult * 2^-31, or r where mult
 * is 0. c <= 33025, shift <= 21; out may be in. */
typedef struct {
    uint32_t n, c;
    int8_t zero, out_zero, shift;
    int32_t mult;
} eq_l2norm_s8_t;

void eq_l2norm_s8(const eq_l2norm_s8_t *p, const int8_t *in, int8_t *out);

/* --- n rows of `width` bytes of a table of `rows`, by index ----------------------------------------- */
typedef struct {
    uint32_t n, rows, width;
} eq_embedding_t;

void eq_embedding(const eq_embedding_t *p, const int32_t *restrict index,
                  const int8_t *restrict table, int8_t *restrict out);

/* --- detections: boxes of n anchors, the `most` best without those that overlap a better one --------
 * codes (n, 4) of centre y, x and size h, w; scores (n, classes), of which the first `background` do
 * not count; y = anchor + requant((code - zero) * size), size * exp[code] in Q16; coordinates in 2^-14.
 * A score below `least` is none; overlap is the share of the union in Q15. Scratch: 2 n bytes. */
typedef struct {
    uint16_t n, classes, background, most;
    int8_t zero, score_zero;
    int16_t least;
    int32_t overlap;
    int8_t y_shift, x_shift;
    int32_t y_mult, x_mult;
    const int32_t *anchors;  /* (n, 4): centre y, x, height, width */
    const int32_t *h_exp, *w_exp;
} eq_detections_t;

void eq_detections(const eq_detections_t *p, const int8_t *codes, const int8_t *scores,
                   int16_t *restrict boxes, int32_t *restrict classes, int8_t *restrict best,
                   int32_t *restrict count, void *restrict scratch);

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

void eq_conv2d_s8_f32(const eq_window_f32_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_conv2d_s16_f32(const eq_window_f32_t *p, const int16_t *restrict in,
                       int16_t *restrict out);
void eq_dwconv2d_s8_f32(const eq_window_f32_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_dwconv2d_s16_f32(const eq_window_f32_t *p, const int16_t *restrict in,
                         int16_t *restrict out);

#endif
