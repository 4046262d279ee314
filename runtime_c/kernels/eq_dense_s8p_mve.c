/* eq_dense_s8p_mve - dense layer with packed weights, MVE: some channels are unpacked at a time to
 * records of int8. Scratch: the records, then a row that does not fill its last step of 16. */
#include "eq_dense.h"
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve_packed.h"

void eq_dense_s8p_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                      void *restrict scratch)
{
    const eq_packed_t *h = eq_packed_of(p->weights);
    const int8_t *from = p->weights + sizeof *h;
    int8_t *const records = scratch;
    int8_t *const copy = records + ((h->block / h->channels * eq_packed_record(h, 16) + 15) & ~15);
    eq_mve_gemm_t g = {
        .weights = records, .steps = (p->in_c + 15) / 16,
        .out_zero = p->out_zero, .act_min = p->act_min, .act_max = p->act_max,
    };
    for (int32_t first = 0; first < p->out_c; first += h->block) {
        const int32_t left = p->out_c - first;
        from = eq_mve_unpack_block(h, from, records, left);
        g.out_c = left < h->block ? left : h->block;
        for (int32_t r = 0; r < p->rows; r++) {
            const int8_t *col = in + r * p->in_c;
            if ((p->in_c & 15) != 0) {
                eq_mve_copy(copy, col, p->in_c);
                col = copy;
            }
            eq_mve_gemv_s8(&g, col, out + r * p->out_c + first);
        }
    }
}
#endif
