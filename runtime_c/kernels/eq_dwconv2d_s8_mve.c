/* eq_dwconv2d_s8_mve - depthwise convolution of any shape, MVE: 4 channels in 32-bit lanes. */
#include "eq_conv.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* A run of n taps: x and w move by their steps. Inputs are 4 channels, or one for all 4 outputs. */
typedef struct {
    const int8_t *x, *w;
    int32_t x_step, w_step, n;
} taps_t;

static inline int32x4_t add_taps(int32x4_t acc, taps_t t, int32_t lanes)
{
    __asm__("vctp.32 %[lanes]\n\t"
            "wls lr, %[n], 2f\n"
            "1:\n\t"
            "vpstt\n\t"
            "vldrbt.s32 q0, [%[x]]\n\t"
            "vldrbt.s32 q1, [%[w]]\n\t"
            "add %[x], %[x], %[x_step]\n\t"
            "vmul.i32 q0, q0, q1\n\t"
            "add %[w], %[w], %[w_step]\n\t"
            "vadd.i32 %q[acc], %q[acc], q0\n\t"
            "le lr, 1b\n"
            "2:\n\t"
            : [acc] "+w"(acc), [x] "+l"(t.x), [w] "+l"(t.w)
            : [lanes] "r"(lanes), [n] "r"(t.n), [x_step] "r"(t.x_step), [w_step] "r"(t.w_step)
            : "lr", "q0", "q1", "memory");
    return acc;
}

static inline int32x4_t add_shared_taps(int32x4_t acc, taps_t t, int32_t lanes)
{
    int32_t value;
    __asm__("vctp.32 %[lanes]\n\t"
            "wls lr, %[n], 2f\n"
            "1:\n\t"
            "ldrsb %[value], [%[x]]\n\t"
            "vpst\n\t"
            "vldrbt.s32 q0, [%[w]]\n\t"
            "add %[x], %[x], %[x_step]\n\t"
            "vmla.s32 %q[acc], q0, %[value]\n\t"
            "add %[w], %[w], %[w_step]\n\t"
            "le lr, 1b\n"
            "2:\n\t"
            : [acc] "+w"(acc), [x] "+r"(t.x), [w] "+l"(t.w), [value] "=&r"(value)
            : [lanes] "r"(lanes), [n] "r"(t.n), [x_step] "r"(t.x_step), [w_step] "r"(t.w_step)
            : "lr", "q0", "memory");
    return acc;
}

/* 16 channels at once. */
static inline void add_taps_16(int32x4_t acc[4], taps_t t)
{
    int32x4_t a = acc[0], b = acc[1], c = acc[2], d = acc[3];
    for (; t.n > 0; t.n--, t.x += t.x_step, t.w += t.w_step) {
        a = vaddq_s32(a, vmulq_s32(vldrbq_s32(t.x), vldrbq_s32(t.w)));
        b = vaddq_s32(b, vmulq_s32(vldrbq_s32(t.x + 4), vldrbq_s32(t.w + 4)));
        c = vaddq_s32(c, vmulq_s32(vldrbq_s32(t.x + 8), vldrbq_s32(t.w + 8)));
        d = vaddq_s32(d, vmulq_s32(vldrbq_s32(t.x + 12), vldrbq_s32(t.w + 12)));
    }
    acc[0] = a;
    acc[1] = b;
    acc[2] = c;
    acc[3] = d;
}

static inline void run(int32x4_t acc[4], taps_t t, int32_t shared, int32_t lanes)
{
    if (t.n == 0) {
        return;
    }
    if (shared != 0) {
        acc[0] = add_shared_taps(acc[0], t, lanes);
    } else if (lanes == 16) {
        add_taps_16(acc, t);
    } else {
        acc[0] = add_taps(acc[0], t, lanes);
    }
}

/* The number of steps of `step` from `from` below `to`. */
static inline int32_t steps_below(int32_t from, int32_t to, int32_t step)
{
    return from < to ? (to - from + step - 1) / step : 0;
}

/* The taps of one window. */
typedef struct {
    int32_t y0, x0;         /* of its first tap */
    int32_t left, inside;   /* taps of a row left of the input, and within it */
} window_t;

/* Sums for 16 or up to 4 output channels from oc on. */
static inline void window_sum(const eq_dwconv2d_s8_t *p, const int8_t *in, const window_t *at,
                              int32_t oc, int32_t lanes, int32x4_t acc[4])
{
    const int32_t shared = p->in_c != p->out_c, ic = shared != 0 ? oc / (p->out_c / p->in_c) : oc;
    const int8x16_t border = vdupq_n_s8(p->in_zero);
    int8_t outside[16];
    const int8_t *w = p->weights + oc;
    taps_t t = {.w_step = p->out_c};
    vstrbq_s8(outside, border);
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t y = at->y0 + ky * p->dil_h, valid = y >= 0 && y < p->in_h;
        const int32_t left = valid != 0 ? at->left : p->kw, inside = valid != 0 ? at->inside : 0;
        t.x = outside;
        t.x_step = 0;
        t.w = w;
        t.n = left;
        run(acc, t, shared, lanes);
        t.w = w + (left + inside) * p->out_c;
        t.n = p->kw - left - inside;
        run(acc, t, shared, lanes);
        t.x = in + (y * p->in_w + at->x0 + left * p->dil_w) * p->in_c + ic;
        t.x_step = p->dil_w * p->in_c;
        t.w = w + left * p->out_c;
        t.n = inside;
        run(acc, t, shared, lanes);
        w += p->kw * p->out_c;
    }
}

static void store(const eq_dwconv2d_s8_t *p, int8_t *out, int32x4_t acc, int32_t oc,
                  mve_pred16_t lanes)
{
    const int32x4_t shift = vldrbq_z_s32(p->shift + oc, lanes), none = vdupq_n_s32(0);
    const int32x4_t mult = vldrwq_z_s32(p->mult + oc, lanes);
    const int32x4_t sum = vaddq_s32(acc, vldrwq_z_s32(p->bias + oc, lanes));
    const int32x4_t raised = vshlq_s32(sum, vmaxq_s32(shift, none));
    const int32x4_t y = eq_mve_requant(raised, mult, vminq_s32(shift, none));
    const int32x4_t low = vdupq_n_s32(p->act_min), high = vdupq_n_s32(p->act_max);
    const int32x4_t moved = vaddq_n_s32(y, p->out_zero);
    vstrbq_p_s32(out + oc, vminq_s32(vmaxq_s32(moved, low), high), lanes);
}

/* Outputs `first` to first + n - 1 of one pixel. */
static void channels(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out,
                     const window_t *at, int32_t first, int32_t n)
{
    const int32_t wide = p->in_c == p->out_c;
    int32_t lanes = 0;
    for (int32_t i = 0; i < n; i += lanes) {
        const int32_t left = n - i, few = left < 4 ? left : 4;
        int32x4_t acc[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
        lanes = wide != 0 && left >= 16 ? 16 : few;
        window_sum(p, in, at, first + i, lanes, acc);
        for (int32_t j = 0; j < lanes; j += 4) {
            store(p, out, acc[j / 4], first + i + j, vctp32q((uint32_t)(lanes - j)));
        }
    }
}

void eq_dwconv2d_s8_mve(const eq_dwconv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    /* outputs that read one input channel stay together: groups do not cross multiples of this */
    const int32_t block = p->in_c != p->out_c ? p->out_c / p->in_c : p->out_c;
    (void)scratch;
    for (int32_t oy = 0; oy < p->out_h; oy++) {
        for (int32_t ox = 0; ox < p->out_w; ox++, out += p->out_c) {
            window_t at = {.y0 = oy * p->stride_h - p->pad_top,
                           .x0 = ox * p->stride_w - p->pad_left};
            at.left = steps_below(at.x0, 0, p->dil_w);
            at.left = at.left < p->kw ? at.left : p->kw;
            at.inside = steps_below(at.x0 + at.left * p->dil_w, p->in_w, p->dil_w);
            at.inside = at.inside < p->kw - at.left ? at.inside : p->kw - at.left;
            for (int32_t first = 0; first < p->out_c; first += block) {
                channels(p, in, out, &at, first, block);
            }
        }
    }
}
#endif
