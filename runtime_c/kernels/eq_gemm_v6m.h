/* eq_gemm_v6m.h - what the Cortex-M0+ kernels share: requantization with 32-bit products. ARMv6-M.
 *
 * The convolution packs two pixels in a word as on Cortex-M3, see eq_gemm_v7m.h. */
#ifndef EQ_GEMM_V6M_H
#define EQ_GEMM_V6M_H

#include "eq.h"

/* Requantization of one channel. */
typedef struct {
    int32_t high, low; /* halves of the multiplier: 65536 * high + low */
    int32_t shift;     /* right shift - 1 */
} eq_channel_v6m_t;

/* What holds for all channels. */
typedef struct {
    int32_t zero2; /* 2 * out_zero + 1 */
    int32_t act_min, act_max;
} eq_clamp_v6m_t;

static inline eq_channel_v6m_t eq_channel_v6m(int32_t mult, int32_t shift)
{
    const eq_channel_v6m_t c = {mult >> 16, mult & 0xFFFF, shift};
    return c;
}

/* round(acc * mult / 2^31), halves upwards; |acc| < 2^29. With acc = 65536 a + b, b signed, and the
 * multiplier's halves h and l it is 2 a h + floor((a l + b h + floor(b l / 2^16) + 2^14) / 2^15),
 * and no term leaves 32 bits. */
static inline int32_t eq_high_mul_v6m(int32_t acc, eq_channel_v6m_t c)
{
    const int32_t b = (int16_t)acc, a = (acc - b) >> 16;
    return 2 * a * c.high + ((a * c.low + b * c.high + ((b * c.low) >> 16) + (1 << 14)) >> 15);
}

static inline int32_t eq_clamp_v6m(int32_t x, eq_clamp_v6m_t q)
{
    if (x < q.act_min) {
        x = q.act_min;
    }
    if (x > q.act_max) {
        x = q.act_max;
    }
    return x;
}

/* From accumulator to int8. */
static inline int32_t eq_finish_v6m(int32_t acc, eq_channel_v6m_t c, eq_clamp_v6m_t q)
{
    int32_t x = eq_high_mul_v6m(acc, c);
    x += x >> 31;
    return eq_clamp_v6m(((x >> c.shift) + q.zero2) >> 1, q);
}

/* The same without a right shift. */
static inline int32_t eq_finish_unshifted_v6m(int32_t acc, eq_channel_v6m_t c, eq_clamp_v6m_t q)
{
    return eq_clamp_v6m(eq_high_mul_v6m(acc, c) + (q.zero2 >> 1), q);
}

/* The sums of one channel over the four patches of eq_conv_patches.h. x: 2 words a k; w: 4 * quads
 * weights, aligned to 4 bytes. */
void eq_dot4_s8_v6m(const uint32_t *x, const int8_t *w, int32_t quads, int32_t sums[4]);

#endif
