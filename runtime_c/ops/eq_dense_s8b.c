/* eq_dense_s8b - dense layer of signs with 1-bit weights, portable C: XOR, bits counted in parallel.
 *
 * Rows of weights: d * |w|, then words of 32. Scratch: the bits of a row of inputs. */
#include "eq_dense.h"
#include "eq_bits.h"
#include "eq_requant.h"

void eq_dense_s8b(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                  void *restrict scratch)
{
    const int32_t n = eq_bits_words(p->in_c);
    uint32_t *const x = scratch;
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        const uint32_t *row = (const uint32_t *)(const void *)p->weights;
        (void)eq_bits_pack(x, in, p->in_c);
        const int32_t values = eq_bits_values(x, n);
        for (int32_t oc = 0; oc < p->out_c; oc++, row += n + 1) {
            const int32_t acc = eq_bits_sum(x, values, row, n) + p->bias[oc];
            const int32_t y = eq_requant(acc, p->mult[oc], p->shift[oc]) + p->out_zero;
            out[oc] = (int8_t)eq_clamp(y, p->act_min, p->act_max);
        }
    }
}
