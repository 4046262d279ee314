/* eq_dense_s8w4_mve - dense layer with 4-bit weights, MVE: a product with one column a row. */
#include "eq_dense.h"
#include "eq_mve_w4.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

void eq_dense_s8w4_mve(const eq_dense_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
                       void *restrict scratch)
{
    const eq_mve_gemm_t g = {
        .weights = p->weights, .steps = (p->in_c + 15) / 16, .out_c = p->out_c,
        .out_zero = p->out_zero, .act_min = p->act_min, .act_max = p->act_max,
    };
    int8_t *copy = scratch; /* of a row that does not fill its last step of 16 */
    for (int32_t row = 0; row < p->rows; row++, in += p->in_c, out += p->out_c) {
        const int8_t *col = in;
        if ((p->in_c & 15) != 0) {
            eq_mve_copy(copy, in, p->in_c);
            col = copy;
        }
        eq_mve_gemv_s8w4(&g, col, out);
    }
}
#endif
