/* eq_dense_s16_mve - dense layer with 16-bit activations, MVE: a product with one column a row. */
#include "eq_dense.h"
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

void eq_dense_s16_mve(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch)
{
    const eq_mve_gemm_t g = {
        .weights = p->weights, .steps = (p->in_c + 7) / 8, .out_c = p->out_c,
        .out_zero = 0, .act_min = p->act_min, .act_max = p->act_max,
    };
    int8_t *copy = scratch; /* of a row that does not fill its last step of 8 */
    for (int32_t row = 0; row < p->rows; row++, in += p->in_c, out += p->out_c) {
        const int8_t *col = (const int8_t *)in;
        if ((p->in_c & 7) != 0) {
            eq_mve_copy(copy, col, 2 * p->in_c);
            col = copy;
        }
        eq_mve_gemv_s16(&g, col, (int8_t *)out);
    }
}
#endif
