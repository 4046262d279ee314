/* eq_neon.h - what the NEON kernels share: requantization of 4 channels, small copies. NEON. */
#ifndef EQ_NEON_H
#define EQ_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "eq.h"

/* 1 in kernels for layers whose multipliers may be above 1: they define it before they include this. */
#ifndef EQ_NEON_LEFT
#define EQ_NEON_LEFT 0
#endif

/* v * u, the high half added to the low one; weights u >= -127 (two products in 16 bits). */
#if defined(__aarch64__)
static inline int16x8_t eq_neon_products(int8x16_t v, int8x16_t u)
{
    return vmlal_high_s8(vmull_s8(vget_low_s8(v), vget_low_s8(u)), v, u);
}
#else
static inline int16x8_t eq_neon_products(int8x16_t v, int8x16_t u)
{
    return vmlal_s8(vmull_s8(vget_low_s8(v), vget_low_s8(u)), vget_high_s8(v), vget_high_s8(u));
}
#endif

/* Sums of four products each of v * u. */
static inline int32x4_t eq_neon_mul16(int8x16_t v, int8x16_t u)
{
    return vpaddlq_s16(eq_neon_products(v, u));
}

/* acc + the same. */
static inline int32x4_t eq_neon_mac16(int32x4_t acc, int8x16_t v, int8x16_t u)
{
    return vpadalq_s16(acc, eq_neon_products(v, u));
}

/* 64 bytes. */
#if defined(__aarch64__)
static inline int8x16x4_t eq_neon_load64(const int8_t *p)
{
    return vld1q_s8_x4(p);
}
#else
static inline int8x16x4_t eq_neon_load64(const int8_t *p)
{
    const int8x16x4_t v = {{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}};
    return v;
}
#endif

/* The sum of the lanes of each of 4 vectors. */
#if defined(__aarch64__)
static inline int32x4_t eq_neon_sums(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
#else
static inline int32x4_t eq_neon_sums(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    const int32x2_t ab = vpadd_s32(vadd_s32(vget_low_s32(a), vget_high_s32(a)),
                                   vadd_s32(vget_low_s32(b), vget_high_s32(b)));
    const int32x2_t cd = vpadd_s32(vadd_s32(vget_low_s32(c), vget_high_s32(c)),
                                   vadd_s32(vget_low_s32(d), vget_high_s32(d)));
    return vcombine_s32(ab, cd);
}
#endif

/* Bias, multiplier and right shift (as a negative number) of 4 output channels. */
typedef struct {
    int32x4_t bias, mult, shift;
} eq_neon_params_t;

/* The tables are padded to a whole block of channels, so there is no tail to mind. */
static inline eq_neon_params_t eq_neon_params(const int32_t *bias, const int32_t *mult,
                                              const int8_t *shift)
{
    const int32x2_t s = vld1_dup_s32((const int32_t *)(const void *)shift);
    const eq_neon_params_t q = {
        vld1q_s32(bias), vld1q_s32(mult),
        vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(s)))),
    };
    return q;
}

/* Accumulators to int16 outputs before the zero point. VQRDMULH is TensorFlow Lite's
 * doubling high multiply; subtracting one from negative values before VRSHL makes its halves go
 * away from zero, and (y & shift) < 0 only where it shifts at all. */
static inline int16x4_t eq_neon_requant(int32x4_t acc, int32x4_t mult, int32x4_t shift)
{
    if (EQ_NEON_LEFT) {
        const int32x4_t none = vdupq_n_s32(0);
        acc = vshlq_s32(acc, vmaxq_s32(shift, none));
        shift = vminq_s32(shift, none);
    }
    const int32x4_t y = vqrdmulhq_s32(acc, mult);
    return vqmovn_s32(vrshlq_s32(vsraq_n_s32(y, vandq_s32(y, shift), 31), shift));
}

/* The same where negative results are clamped to the zero point anyway (fused ReLU). */
static inline int16x4_t eq_neon_requant_relu(int32x4_t acc, int32x4_t mult, int32x4_t shift)
{
    return vqmovn_s32(vrshlq_s32(vqrdmulhq_s32(acc, mult), shift));
}

/* The output range of a layer, spread over lanes. */
typedef struct {
    int16x8_t zero;
    int8x8_t low, high;
} eq_neon_range_t;

static inline eq_neon_range_t eq_neon_range(int8_t zero, int8_t low, int8_t high)
{
    const eq_neon_range_t r = {vdupq_n_s16(zero), vdup_n_s8(low), vdup_n_s8(high)};
    return r;
}

/* True for a fused ReLU over the whole int8 range and shifts to the right: no sign correction,
 * saturation is the clamp. */
static inline int32_t eq_neon_plain(int8_t zero, int8_t low, int8_t high)
{
    return !EQ_NEON_LEFT && zero == -128 && low == -128 && high == 127;
}

/* 8 outputs to int8: zero point, saturation, clamp. */
static inline int8x8_t eq_neon_finish(int16x8_t y, eq_neon_range_t r)
{
    return vmin_s8(vmax_s8(vqmovn_s16(vqaddq_s16(y, r.zero)), r.low), r.high);
}

/* 8 outputs to int8 where eq_neon_plain holds. */
static inline int8x8_t eq_neon_finish_plain(int16x8_t y, eq_neon_range_t r)
{
    return vqmovn_s16(vqaddq_s16(y, r.zero));
}

/* 8 outputs of the accumulators lo, hi (bias added); `plain` is a constant where it is inlined. */
static inline int8x8_t eq_neon_outputs8(int32x4_t lo, int32x4_t hi, eq_neon_params_t a,
                                        eq_neon_params_t b, eq_neon_range_t r, int32_t plain)
{
    if (plain) {
        return eq_neon_finish_plain(vcombine_s16(eq_neon_requant_relu(lo, a.mult, a.shift),
                                                 eq_neon_requant_relu(hi, b.mult, b.shift)), r);
    }
    return eq_neon_finish(vcombine_s16(eq_neon_requant(lo, a.mult, a.shift),
                                       eq_neon_requant(hi, b.mult, b.shift)), r);
}

/* For a large function that is called from several places: one copy of it. */
#if defined(__clang__)
#define EQ_NEON_APART __attribute__((noinline))
#else
#define EQ_NEON_APART __attribute__((noinline, noclone))
#endif

/* Keeps a compiler from turning a short copy loop into a call of memcpy. */
#define EQ_NEON_NO_IDIOM() __asm__ volatile("" ::: "memory")

/* Copies n bytes; reads and writes nothing else. Short runs overlap two copies, loops stay out. */
static inline void eq_neon_copy(int8_t *dst, const int8_t *src, int32_t n)
{
    if (n >= 16) {
        const int32_t last = n - 16;
        for (int32_t i = 0; i < last; i += 16) {
            vst1q_s8(dst + i, vld1q_s8(src + i));
            EQ_NEON_NO_IDIOM();
        }
        vst1q_s8(dst + last, vld1q_s8(src + last));
    } else if (n >= 8) {
        const int8x8_t a = vld1_s8(src), b = vld1_s8(src + n - 8);
        vst1_s8(dst, a);
        vst1_s8(dst + n - 8, b);
    } else if (n >= 4) {
        uint32_t a, b;  /* not by NEON lanes, which clang takes to be aligned */
        memcpy(&a, src, 4);
        memcpy(&b, src + n - 4, 4);
        memcpy(dst, &a, 4);
        memcpy(dst + n - 4, &b, 4);
    } else if (n > 0) {
        const int8_t a = src[0], b = src[n >> 1], c = src[n - 1];
        dst[0] = a;
        dst[n >> 1] = b;
        dst[n - 1] = c;
    }
}

/* The same for long runs that do not overlap. */
static inline void eq_neon_copy_long(int8_t *dst, const int8_t *src, int32_t n)
{
    for (; n >= 64; n -= 64, src += 64, dst += 64) {
        const int8x16x4_t v = eq_neon_load64(src);
        vst1q_s8(dst, v.val[0]);
        vst1q_s8(dst + 16, v.val[1]);
        vst1q_s8(dst + 32, v.val[2]);
        vst1q_s8(dst + 48, v.val[3]);
    }
    eq_neon_copy(dst, src, n);
}

/* Sets n bytes. */
static inline void eq_neon_fill(int8_t *dst, int8_t value, int32_t n)
{
    const int8x16_t v = vdupq_n_s8(value);
    if (n >= 16) {
        for (int32_t i = 0; i < n - 16; i += 16) {
            vst1q_s8(dst + i, v);
            EQ_NEON_NO_IDIOM();
        }
        vst1q_s8(dst + n - 16, v);
    } else if (n >= 8) {
        vst1_s8(dst, vget_low_s8(v));
        vst1_s8(dst + n - 8, vget_low_s8(v));
    } else if (n >= 4) {
        const uint32_t a = vgetq_lane_u32(vreinterpretq_u32_s8(v), 0);
        memcpy(dst, &a, 4);
        memcpy(dst + n - 4, &a, 4);
    } else if (n > 0) {
        dst[0] = value;
        dst[n >> 1] = value;
        dst[n - 1] = value;
    }
}

/* The same for long runs. */
static inline void eq_neon_fill_long(int8_t *dst, int8_t value, int32_t n)
{
    const int8x16_t v = vdupq_n_s8(value);
    for (; n >= 64; n -= 64, dst += 64) {
        vst1q_s8(dst, v);
        vst1q_s8(dst + 16, v);
        vst1q_s8(dst + 32, v);
        vst1q_s8(dst + 48, v);
        EQ_NEON_NO_IDIOM();
    }
    eq_neon_fill(dst, value, n);
}

/* Writes the first n <= 8 bytes of v. */
static inline void eq_neon_store(int8_t *dst, int8x8_t v, int32_t n)
{
    int8_t t[8];
    vst1_s8(t, v);
    eq_neon_copy(dst, t, n < 8 ? n : 8);
}

#endif
