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

/* The same for TensorFlow Lite's shift, positive to the left; |acc * 2^shift| < 2^29. */
static inline int32_t eq_finish_left_v6m(int32_t acc, int32_t mult, int32_t shift, eq_clamp_v6m_t q)
{
    const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    const int32_t x = eq_high_mul_v6m((int32_t)((uint32_t)acc << left), eq_channel_v6m(mult, 0));
    return eq_clamp_v6m((((2 * x + (x >> 31)) >> right) + q.zero2) >> 1, q);
}

/* The same for assembler: `acc` (not r1, r4, r5, r6) becomes the int8 result; r7 points to an
 * eq_frame_v6m_t. The carry of the shift by 15 is the bit that rounds. Overwrites r1, r4-r6. */
#define EQ_FINISH_V6M(acc) EQ_FINISH_WITH_V6M(acc, "", "")
#define EQ_FINISH_WITH_V6M(acc, RAISE, TWICE) \
    RAISE \
    "sxth r4, " acc "\n\t" \
    "subs " acc ", " acc ", r4\n\t" \
    "asrs " acc ", " acc ", #16\n\t" \
    "ldr r5, [r7, #4]\n\t" \
    "ldr r6, [r7, #8]\n\t" \
    "movs r1, r4\n\t" \
    "muls r1, r6, r1\n\t" \
    "asrs r1, r1, #16\n\t" \
    "muls r4, r5, r4\n\t" \
    "adds r1, r1, r4\n\t" \
    "muls r6, " acc ", r6\n\t" \
    "adds r1, r1, r6\n\t" \
    "muls " acc ", r5, " acc "\n\t" \
    "lsls " acc ", " acc ", #1\n\t" \
    "asrs r1, r1, #15\n\t" \
    "adcs " acc ", r1\n\t" \
    "asrs r1, " acc ", #31\n\t" \
    TWICE \
    "adds " acc ", " acc ", r1\n\t" \
    "ldr r1, [r7, #12]\n\t" \
    "asrs " acc ", r1\n\t" \
    "ldr r1, [r7, #16]\n\t" \
    "adds " acc ", " acc ", r1\n\t" \
    "asrs " acc ", " acc ", #1\n\t" \
    "ldr r1, [r7, #20]\n\t" \
    "cmp " acc ", r1\n\t" \
    "bge 8f\n\t" \
    "movs " acc ", r1\n" \
    "8:\n\t" \
    "ldr r1, [r7, #24]\n\t" \
    "cmp " acc ", r1\n\t" \
    "ble 9f\n\t" \
    "movs " acc ", r1\n" \
    "9:\n\t"

/* For any shift: the frame is an eq_four_v6m_t with the left shift, f.c.shift is the right one. */
#define EQ_FINISH_LEFT_V6M(acc) \
    EQ_FINISH_WITH_V6M(acc, "ldr r1, [r7, #44]\n\tlsls " acc ", r1\n\t", \
                       "lsls " acc ", " acc ", #1\n\t")

typedef struct {
    int32_t bias;
    eq_channel_v6m_t c;
    eq_clamp_v6m_t q;
} eq_frame_v6m_t;

/* Where the four outputs go: the second to fourth at a distance from `out`; written from the
 * fourth to the first, so that distance 0 drops one. */
typedef struct {
    eq_frame_v6m_t f;
    int32_t distance[3];
    int8_t *out;
    int32_t left; /* eq_dot4_left_s8_v6m: left shift; the right one is in f.c.shift */
} eq_four_v6m_t;

/* Outputs of one channel for the four patches of eq_conv_patches.h. x: 2 words a k; w: 4 * quads
 * weights, aligned to 4 bytes. */
void eq_dot4_s8_v6m(const uint32_t *x, const int8_t *w, int32_t quads, const eq_four_v6m_t *to);
void eq_dot4_left_s8_v6m(const uint32_t *x, const int8_t *w, int32_t quads,
                         const eq_four_v6m_t *to);

#endif
