/* eq_conv2d_s8p_mve - convolution with packed weights, MVE: some channels are unpacked at a time to
 * records of int8, then as eq_conv2d_s8_mve. Scratch: the records, then its strip. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_packed.h"

void eq_conv2d_s8p_mve(const eq_conv2d_s8_t *p, const int8_t *in, int8_t *out, void *scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    int8_t *const records = scratch;
    const int32_t size = h->block / h->channels * eq_packed_record(h, 16);
    eq_mve_gemm_t g = eq_mve_gemm_of(p);
    g.weights = records;
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_mve_unpack_block(h, from, records, left);
        g.out_c = left < h->block ? left : h->block;
        eq_mve_conv2d(p, &g, in, out + first, records + ((size + 15) & ~15), eq_mve_gemm_s8);
    }
}
#endif
