/* eq_dwconv2d_3x3_s8_dsp - depthwise 3x3, stride 1 or 2: SMLAD over vertical pairs. Arm DSP ISA.
 *
 * Four channels at a time, two output rows at a time (stride 2: one). Scratch holds, for every
 * column with its padding, the rows y, y+1 and y+2, y+3 of each channel as two words of halfword
 * pairs, so two output rows need four multiply instructions a column. The lower pair serves as the
 * next block's upper one: which word is which alternates.
 *
 * in_c = out_c, a multiple of 4; no dilation. `out` may be `in`, or start whole pixels below it.
 * Weights: records of four channels, see eq_dw4_t. Scratch: 32 * ((out_w - 1) * stride_w + 3). */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_ops.h"

typedef struct {
    uint32_t taps[3]; /* column kx as bytes: w[0][kx], w[1][kx], w[1][kx], w[2][kx] */
    int32_t bias;
    int32_t mult;
} eq_dw1_t;

typedef struct {
    eq_dw1_t channel[4];
    int8_t shift[4]; /* right shift - 1 */
} __attribute__((may_alias)) eq_dw4_t;

/* Halfword pairs (w0, w1) and (w1, w2) of the three kernel columns. */
typedef struct {
    uint32_t upper[3], lower[3];
} taps_t;

static inline uint32_t even_bytes(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1" : "=r"(r) : "r"(x));
    return r;
}

static inline uint32_t odd_bytes(uint32_t x)
{
    uint32_t r;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(x));
    return r;
}

/* (low half of a, low half of b) and (high half of a, high half of b). */
static inline uint32_t low_halves(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

static inline uint32_t high_halves(uint32_t a, uint32_t b)
{
    uint32_t r;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(r) : "r"(b), "r"(a));
    return r;
}

static inline taps_t load_taps(const eq_dw1_t *c)
{
    taps_t t;
    for (int32_t k = 0; k < 3; k++) {
        t.upper[k] = even_bytes(c->taps[k]);
        t.lower[k] = odd_bytes(c->taps[k]);
    }
    return t;
}

/* One column of pairs into two output rows; `P` and `Q` name the upper and the lower pair. */
#define COLUMN2(offset, k, P, Q) \
    "ldrd %[x], %[y], [%[at], #" #offset "]\n\t" \
    "smlad %[top], %[" #P "], %[u" #k "], %[top]\n\t" \
    "smlatb %[low], %[" #P "], %[u" #k "], %[low]\n\t" \
    "smlabt %[top], %[" #Q "], %[v" #k "], %[top]\n\t" \
    "smlad %[low], %[" #Q "], %[v" #k "], %[low]\n\t"
#define COLUMN1(offset, k, P, Q) \
    "ldrd %[x], %[y], [%[at], #" #offset "]\n\t" \
    "smlad %[top], %[" #P "], %[u" #k "], %[top]\n\t" \
    "smlabt %[top], %[" #Q "], %[v" #k "], %[top]\n\t"
#define TAPS [u0] "r"(t.upper[0]), [u1] "r"(t.upper[1]), [u2] "r"(t.upper[2]), \
    [v0] "r"(t.lower[0]), [v1] "r"(t.lower[1]), [v2] "r"(t.lower[2])

/* Two output rows of one channel; `swapped`: the upper pair is the second word. */
static inline void two_rows(const eq_dwconv2d_s8_t *p, const eq_dw1_t *c, int32_t shift,
                            const uint32_t *at, int8_t *out, int swapped)
{
    const taps_t t = load_taps(c);
    const int32_t mult = c->mult, zero2 = 2 * p->out_zero + 1, out_c = p->out_c;
    const int32_t row = p->out_w * out_c;
    const uint32_t *end = at + 8 * p->out_w;
    for (; at != end; at += 8, out += out_c) {
        int32_t top = c->bias, low = top;
        uint32_t x, y;
        if (swapped) {
            __asm__(COLUMN2(0, 0, y, x) COLUMN2(32, 1, y, x) COLUMN2(64, 2, y, x)
                    : [top] "+r"(top), [low] "+r"(low), [x] "=&r"(x), [y] "=&r"(y)
                    : [at] "r"(at), TAPS : "memory");
        } else {
            __asm__(COLUMN2(0, 0, x, y) COLUMN2(32, 1, x, y) COLUMN2(64, 2, x, y)
                    : [top] "+r"(top), [low] "+r"(low), [x] "=&r"(x), [y] "=&r"(y)
                    : [at] "r"(at), TAPS : "memory");
        }
        out[0] = (int8_t)eq_finish_dsp(top * 2, mult, shift, zero2);
        out[row] = (int8_t)eq_finish_dsp(low * 2, mult, shift, zero2);
    }
}

/* One output row of one channel, columns `step` words apart. */
static inline void one_row(const eq_dwconv2d_s8_t *p, const eq_dw1_t *c, int32_t shift,
                           const uint32_t *at, int8_t *out, int swapped)
{
    const taps_t t = load_taps(c);
    const int32_t mult = c->mult, zero2 = 2 * p->out_zero + 1, out_c = p->out_c;
    const int32_t step = 8 * p->stride_w;
    const uint32_t *end = at + step * p->out_w;
    for (; at != end; at += step, out += out_c) {
        int32_t top = c->bias;
        uint32_t x, y;
        if (swapped) {
            __asm__(COLUMN1(0, 0, y, x) COLUMN1(32, 1, y, x) COLUMN1(64, 2, y, x)
                    : [top] "+r"(top), [x] "=&r"(x), [y] "=&r"(y)
                    : [at] "r"(at), TAPS : "memory");
        } else {
            __asm__(COLUMN1(0, 0, x, y) COLUMN1(32, 1, x, y) COLUMN1(64, 2, x, y)
                    : [top] "+r"(top), [x] "=&r"(x), [y] "=&r"(y)
                    : [at] "r"(at), TAPS : "memory");
        }
        out[0] = (int8_t)eq_finish_dsp(top * 2, mult, shift, zero2);
    }
}

/* Input rows y and y + 1 of four channels as pairs, into word 0 (or 1: `to` is off by one). */
static void pair_rows(const eq_dwconv2d_s8_t *p, const int8_t *in, int32_t y, uint32_t *to)
{
    const uint32_t outside = (uint32_t)(uint8_t)p->in_zero * 0x01010101u;
    const int32_t in_c = p->in_c, row = p->in_w * in_c;
    const int has0 = y >= 0 && y < p->in_h, has1 = y + 1 >= 0 && y + 1 < p->in_h;
    const int8_t *at = in + y * row;
    to += 8 * p->pad_left;
    for (int32_t x = 0; x < p->in_w; x++, to += 8, at += in_c) {
        const uint32_t a = has0 ? eq_load4(at) : outside, b = has1 ? eq_load4(at + row) : outside;
        const uint32_t a02 = even_bytes(a), a13 = odd_bytes(a);
        const uint32_t b02 = even_bytes(b), b13 = odd_bytes(b);
        to[0] = low_halves(a02, b02);
        to[2] = low_halves(a13, b13);
        to[4] = high_halves(a02, b02);
        to[6] = high_halves(a13, b13);
    }
}

static void four_channels(const eq_dwconv2d_s8_t *p, const eq_dw4_t *w, const uint32_t *columns,
                          int8_t *out, int rows, int swapped)
{
    for (int32_t c = 0; c < 4; c++) {
        const eq_dw1_t *one = &w->channel[c];
        if (rows == 2) {
            if (swapped) {
                two_rows(p, one, w->shift[c], columns + 2 * c, out + c, 1);
            } else {
                two_rows(p, one, w->shift[c], columns + 2 * c, out + c, 0);
            }
        } else if (swapped) {
            one_row(p, one, w->shift[c], columns + 2 * c, out + c, 1);
        } else {
            one_row(p, one, w->shift[c], columns + 2 * c, out + c, 0);
        }
    }
}

void eq_dwconv2d_3x3_s8_dsp(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                            void *scratch)
{
    uint32_t *columns = scratch;
    const eq_dw4_t *w = (const eq_dw4_t *)(const void *)p->weights;
    const uint32_t zero = (uint32_t)(uint16_t)p->in_zero * 0x00010001u;
    const int32_t words = 8 * ((p->out_w - 1) * p->stride_w + 3);
    for (int32_t i = 0; i < words; i++) {
        columns[i] = zero;
    }
    for (int32_t c = 0; c < p->out_c; c += 4, w++) {
        int32_t y = -p->pad_top;
        int swapped = 0;
        pair_rows(p, in + c, y, columns);
        for (int32_t oy = 0; oy < p->out_h; swapped = !swapped, y += 2) {
            const int rows = p->stride_h == 1 && oy + 1 < p->out_h ? 2 : 1;
            pair_rows(p, in + c, y + 2, columns + !swapped);
            four_channels(p, w, columns, out + oy * p->out_w * p->out_c + c, rows, swapped);
            oy += rows;
        }
    }
    eq_clamp_dsp(out, (int32_t)p->out_h * p->out_w * p->out_c, p->act_min, p->act_max);
}
#endif
