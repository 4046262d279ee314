/* eq_dense_s8p_neon - dense layer with packed weights, NEON without dot product: SMULL + SMLAL add two
 * products in 16 bits. */
#include "eq_dense.h"

#if defined(__ARM_NEON)
#include "eq_neon.h"

static inline int32x4_t mac16(int32x4_t acc, int8x16_t x, int8x16_t w)
{
    return eq_neon_mac16(acc, x, w);
}

#include "eq_neon_packed.h"

void eq_dense_s8p_neon(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const eq_neon_range_t range = eq_neon_range(p->out_zero, p->act_min, p->act_max);
    int8_t *const padded = scratch; /* a row that is no multiple of 16 */
    for (int32_t r = 0; r < p->rows; r++, in += p->in_c, out += p->out_c) {
        const int8_t *x = in, *w = p->weights + sizeof *h;
        if ((p->in_c & 15) != 0) {
            eq_neon_copy(padded, in, p->in_c);
            eq_neon_fill(padded + p->in_c, 0, 16 - (p->in_c & 15));
            x = padded;
        }
        for (int32_t oc = 0; oc < p->out_c; oc += 4) {
            const int32_t left = p->out_c - oc;
            int8x8_t y;
            w = eq_p_block(h, &x, 1, w, range, &y);
            eq_neon_store(out + oc, y, left < 4 ? left : 4);
        }
    }
}
#endif
