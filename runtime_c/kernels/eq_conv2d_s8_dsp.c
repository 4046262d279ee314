/* eq_conv2d_s8_dsp - convolution: the patches of three pixels widened, then all channels. Arm DSP.
 *
 * in_c is a multiple of 4, out_c even; weights are the stream of eq_gemm_dsp.h. Scratch: three
 * widened patches, then in_c bytes that stand for padding. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_gemm_dsp.h"
#include "eq_conv.h"

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

static void widen_patches(const image_t *m, const corner_t c[3], uint32_t *to)
{
    const eq_conv2d_s8_t *p = m->p;
    const int32_t words = p->in_c / 4;
    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int32_t dy = ky * p->dil_h;
        const int32_t y0 = c[0].y + dy, y1 = c[1].y + dy, y2 = c[2].y + dy;
        if (p->dil_w == 1 && inner_row(p, y0, c[0].x) && inner_row(p, y1, c[1].x)
            && inner_row(p, y2, c[2].x)) {
            to = eq_widen3(tap(m, y0, c[0].x), tap(m, y1, c[1].x), tap(m, y2, c[2].x),
                           words * p->kw, to);
            continue;
        }
        for (int32_t kx = 0; kx < p->kw; kx++) {
            const int32_t dx = kx * p->dil_w;
            to = eq_widen3(tap(m, y0, c[0].x + dx), tap(m, y1, c[1].x + dx),
                           tap(m, y2, c[2].x + dx), words, to);
        }
    }
}

void eq_conv2d_s8_dsp(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const int32_t out_c = p->out_c, words = (int32_t)p->kh * p->kw * (p->in_c / 4);
    const eq_gemm_dsp_t g = {p->weights, words, out_c, 2 * p->out_zero + 1};
    int8_t *padding = (int8_t *)scratch + 24 * words;
    const image_t m = {p, in, padding};
    int32_t ox = 0;
    corner_t next = {-p->pad_top, -p->pad_left};
    for (int32_t i = 0; i < p->in_c; i++) {
        padding[i] = p->in_zero;
    }
    for (int32_t left = (int32_t)p->out_h * p->out_w; left > 0; left -= 3) {
        const int32_t second = left > 1 ? 1 : 0, third = left > 2 ? 2 : 0;
        corner_t c[3];
        for (int32_t i = 0; i < 3; i++) {
            c[i] = next;
            next.x += p->stride_w;
            if (++ox == p->out_w) {
                ox = 0;
                next.x = -p->pad_left;
                next.y += p->stride_h;
            }
        }
        widen_patches(&m, c, scratch);
        eq_gemm3_s8_dsp(&g, scratch, out, second * out_c, third * out_c);
        eq_clamp_dsp(out, (left < 3 ? left : 3) * out_c, p->act_min, p->act_max);
        out += 3 * out_c;
    }
}
#endif
