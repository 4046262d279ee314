/* eq_dense_s8b_neon - dense layer of signs with 1-bit weights, NEON: XOR and CNT of 128 at a time.
 *
 * Scratch: the vectors of a row of inputs, then its pairs and 3 more that are only read. */
#include "eq_dense.h"
#include "eq_bits.h"

#if defined(__ARM_NEON)
#include "eq_neon_bits.h"

void eq_dense_s8b_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch)
{
    const int32_t n = eq_bits_words(p->in_c);
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    uint32_t *const vectors = scratch, *const pairs = vectors + 8 * ((n + 3) >> 2);
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        (void)eq_bits_pack(pairs, in, p->in_c);
        eq_bits_pixel(pairs, n, vectors, p->weights, p->out_c, range, out);
    }
}
#endif
