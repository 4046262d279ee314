/* eq_conv2d_s8p - convolution with packed weights, portable C: some channels are unpacked at a time,
 * then all pixels.
 *
 * Blocks of one channel, rows filled up to whole words. Scratch: the unpacked rows, then the taps of a
 * pixel as int16. */
#include "eq_conv_taps.h"
#include "eq_packed.h"
#include "eq_requant.h"

static int32_t dot(const int16_t *restrict x, const int8_t *restrict w, int32_t k)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

void eq_conv2d_s8p(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    const int32_t k = p->kh * p->kw * p->in_c, row = eq_packed_record(h, 4);
    int8_t *const w = scratch;
    int16_t *const x = (int16_t *)(void *)(w + h->block * row);
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first, n = left < h->block ? left : h->block;
        int8_t *to = out + first;
        from = eq_unpack_block(h, from, w, left, eq_unpack_bytes);
        for (int32_t oy = 0; oy < p->out_h; oy++) {
            for (int32_t ox = 0; ox < p->out_w; ox++, to += p->out_c) {
                eq_taps(p, in, x, oy * p->stride_h - p->pad_top, ox * p->stride_w - p->pad_left);
                for (int32_t c = 0; c < n; c++) {
                    const int32_t oc = first + c, acc = dot(x, w + c * row, k) + p->bias[oc];
                    const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                    to[c] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
                }
            }
        }
    }
}
