/* eq_dense_s8p_dsp - dense layer with packed weights: some channels are unpacked at a time to the stream
 * of eq_dense_s8_dsp, which multiplies. DSP. */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#include "eq_dense.h"
#include "eq_dsp_packed.h"

void eq_dense_s8p_dsp(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    eq_dense_s8_t part = *p;
    part.rows = 1;
    part.weights = scratch;
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_unpack_block(h, from, scratch, left, eq_unpack_halves);
        part.out_c = (uint16_t)(left < h->block ? left : h->block);
        for (int32_t r = 0; r < p->rows; r++) {
            eq_dense_s8_dsp(&part, in + r * p->in_c, out + r * p->out_c + first, 0);
        }
    }
}
#endif
