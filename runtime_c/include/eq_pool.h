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
