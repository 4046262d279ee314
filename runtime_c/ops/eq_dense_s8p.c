/* eq_dense_s8p - dense layer with packed weights, portable C: some channels are unpacked at a time.
 *
 * Blocks of one channel, rows filled up to whole words. Scratch: the unpacked rows. */
#include "eq_dense.h"
#include "eq_packed.h"
#include "eq_requant.h"

static int32_t dot(const int8_t *restrict x, const int8_t *restrict w, int32_t k)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

void eq_dense_s8p(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    const int32_t row = eq_packed_record(h, 4);
    int8_t *const w = scratch;
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first, n = left < h->block ? left : h->block;
        from = eq_unpack_block(h, from, w, left, eq_unpack_bytes);
        for (int32_t r = 0; r < p->rows; r++) {
            for (int32_t c = 0; c < n; c++) {
                const int32_t oc = first + c;
                const int32_t acc = dot(in + r * p->in_c, w + c * row, p->in_c) + p->bias[oc];
                const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
                out[r * p->out_c + oc] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
            }
        }
    }
}
