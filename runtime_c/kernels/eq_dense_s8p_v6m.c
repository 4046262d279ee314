/* eq_dense_s8p_v6m - dense layer with packed weights: some channels are unpacked at a time to rows of
 * int8 for eq_dense_s8_v6m. in_c is a multiple of 4. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#include "eq_dense.h"
#include "eq_packed.h"

void eq_dense_s8p_v6m(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    eq_dense_s8_t part = *p;
    part.rows = 1;
    part.weights = scratch;
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_unpack_block(h, from, scratch, left, eq_unpack_bytes);
        part.out_c = (uint16_t)(left < h->block ? left : h->block);
        part.bias = p->bias + first;
        part.mult = p->mult + first;
        part.shift = p->shift + first;
        for (int32_t r = 0; r < p->rows; r++) {
            eq_dense_s8_v6m(&part, in + r * p->in_c, out + r * p->out_c + first, 0);
        }
    }
}
#endif
