/* eq_conv2d_s8_v7m - convolution: the patches of four pixels widened, then all channels. ARMv7-M.
 *
 * Weights are the stream of eq_gemm_v7m.h over k = kh * kw * in_c. Scratch: four widened patches
 * (32 * ceil(k / 4) bytes), then in_c bytes that stand for padding. `out` may lie over inputs that
 * no later patch reads. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_v7m.h"
#include "eq_ops.h"

/* The upper left tap of an output pixel, in input coordinates. */
typedef struct {
    int32_t y, x;
} corner_t;

typedef struct {
    const eq_conv2d_s8_t *p;
    const int8_t *in;
    const int8_t *padding;
} image_t;

static const int8_t *tap(const image_t *m, int32_t y, int32_t x)
{
    const eq_conv2d_s8_t *p = m->p;
    const int inside = y >= 0 && y < p->in_h && x >= 0 && x < p->in_w;
    return inside ? m->in + (y * p->in_w + x) * p->in_c : m->padding;
}

/* All kw taps of a kernel row lie inside the input. */
static int inner_row(const eq_conv2d_s8_t *p, int32_t y, int32_t x)
{
    return y >= 0 && y < p->in_h && x >= 0 && x + p->kw <= p->in_w;
}

static void widen_patches(const image_t *m, const corner_t c[4], uint32_t *to)
{
    const eq_conv2d_s8_t *p = m->p;
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t dy = ky * p->dil_h;
        int inner = p->dil_w == 1;
        for (int32_t i = 0; i < 4; i++) {
            inner = inner && inner_row(p, c[i].y + dy, c[i].x);
        }
        const int32_t n = inner ? p->kw * p->in_c : p->in_c;
        const int32_t end = inner ? p->dil_w : p->kw * p->dil_w;
        for (int32_t dx = 0; dx < end; dx += p->dil_w) {
            to = eq_widen4(tap(m, c[0].y + dy, c[0].x + dx), tap(m, c[1].y + dy, c[1].x + dx),
                           tap(m, c[2].y + dy, c[2].x + dx), tap(m, c[3].y + dy, c[3].x + dx),
                           n, to);
        }
    }
}

void eq_conv2d_s8_v7m(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t out_c = p->out_c, quads = ((int32_t)p->kh * p->kw * p->in_c + 3) / 4;
    const eq_gemm_v7m_t g = {p->weights, quads, out_c, 2 * p->out_zero + 1};
    int8_t *padding = (int8_t *)scratch + 32 * quads;
    const image_t m = {p, in, padding};
    corner_t next = {-p->pad_top, -p->pad_left};
    int32_t ox = 0;
    for (int32_t i = 0; i < p->in_c; i++) {
        padding[i] = p->in_zero;
    }
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 4) {
        const int32_t distance[3] = {left > 1 ? out_c : 0, left > 2 ? 2 * out_c : 0,
                                     left > 3 ? 3 * out_c : 0};
        corner_t c[4];
        for (int32_t i = 0; i < 4; i++) {
            c[i] = next;
            next.x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                next.x = -p->pad_left;
                next.y += p->stride_h;
            }
        }
        widen_patches(&m, c, scratch);
        eq_gemm4_s8_v7m(&g, scratch, out, distance);
        eq_clamp_v7m(out, (left < 4 ? left : 4) * out_c, p->act_min, p->act_max);
        out += 4 * out_c;
    }
}
#endif
