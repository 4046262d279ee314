/* eq_pool.h - windows and axes to one value: pooling, mean, sum. Any ISA. */
#ifndef EQ_POOL_H
#define EQ_POOL_H

#include "eq.h"

/* --- 16-bit activations, zero points 0 ------------------------------------------------------------
 * As eq_mean_s8_t, n < 65536. */
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

void eq_avgpool_s16(const eq_pool_s16_t *p, const int16_t *in, int16_t *out);
void eq_maxpool_s16(const eq_pool_s16_t *p, const int16_t *in, int16_t *out);

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

/* --- running sums along the middle axis of (outer, n, inner), n < 2^20 ------------------------------
 * y = clamp(out_zero + requant(sum(x - in_zero))) over the values up to its own, that one left out
 * where `exclusive`; from the end where `reverse`. Disjoint. */
typedef struct {
    uint32_t outer, n, inner;
    int32_t mult;
    int8_t shift, in_zero, out_zero;
    uint8_t exclusive, reverse;
} eq_cumsum_s8_t;

void eq_cumsum_s8(const eq_cumsum_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- the place ky * kw + kx of the first maximum of each window; kh * kw <= 128, every window has
 * a value inside. act_min, act_max are not used. Disjoint. */
void eq_maxplace_s8(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- the way back: every value where `places` says in its window of the output, zero elsewhere ------
 * in and places (in_h, in_w, c); where windows overlap, the last value stays. Places outside of the
 * output are left out. Disjoint. */
typedef struct {
    uint16_t in_h, in_w, c;
    uint16_t out_h, out_w;
    uint16_t kw;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t zero;
} eq_unpool_s8_t;

void eq_unpool_s8(const eq_unpool_s8_t *p, const int8_t *restrict in, const int8_t *restrict places,
                  int8_t *restrict out);

/* --- mean over a window of time in two steps: the sums of its rows, which a stream keeps, then theirs.
 * in (rows, n) of c channels at row_step and step, n <= 255; out (rows, c). */
typedef struct {
    uint32_t rows, n, c;
    uint32_t row_step, step;
} eq_rowsums_s8_t;

void eq_rowsums_s8(const eq_rowsums_s8_t *p, const int8_t *restrict in, int16_t *restrict out);

/* in (rows, c); out (c,) = clamp(sum / count), halves away from zero, or upwards where halves_up. */
typedef struct {
    uint32_t rows, c;
    int32_t count;
    int8_t halves_up, act_min, act_max;
} eq_mean_of_sums_s8_t;

void eq_mean_of_sums_s8(const eq_mean_of_sums_s8_t *p, const int16_t *restrict in,
                        int8_t *restrict out);

/* --- Helium (MVE) variants ------------------------------------------------------------------------ */
void eq_avgpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_mve(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_mve(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- Cortex-A variants: NEON (ARMv7-A and AArch64) ---------------------------------------------- */
void eq_avgpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_neon(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_neon(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- Cortex-M variants: DSP extension (dsp), ARMv7-M (v7m), ARMv6-M (v6m) ----------------------- */
void eq_maxpool_s8_dsp(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_maxpool_s8_v7m(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_avgpool_s8_dsp(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_avgpool_s8_v7m(const eq_pool_s8_t *p, const int8_t *in, int8_t *out);
void eq_mean_s8_dsp(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);
void eq_mean_s8_v7m(const eq_mean_s8_t *p, const int8_t *restrict in, int8_t *restrict out);

/* --- adapters to CMSIS-NN, for `edgeq build --kernels cmsis-nn` --------------------------------*/
void eq_avgpool_s8_cmsis(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                         void *restrict scratch);
void eq_maxpool_s8_cmsis(const eq_pool_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                         void *restrict scratch);

#endif
