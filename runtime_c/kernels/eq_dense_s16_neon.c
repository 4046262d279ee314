/* eq_dense_s16_neon - dense layer with 16-bit activations, NEON: SMLAL, 2 channels a load. */
#include "eq_dense.h"

#if defined(__ARM_NEON)
#include "eq_neon_s16.h"

void eq_dense_s16_neon(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                       void *restrict scratch)
{
    const int32_t in_c = p->in_c, k = (in_c + 7) & ~7;
    int16_t *copy = scratch; /* of a row that is no multiple of 8 */
    for (int32_t r = 0; r < p->rows; r++, in += in_c, out += p->out_c) {
        int16_t *const to[1] = {out};
        const int16_t *x = in;
        if (k != in_c) {
            eq_neon_copy((int8_t *)copy, (const int8_t *)in, 2 * in_c);
            eq_neon_fill((int8_t *)(copy + in_c), 0, 2 * (k - in_c));
            x = copy;
        }
        eq_neon_columns_s16(x, 1, p->weights, k, p->out_c, p->act_min, p->act_max, to);
    }
}
#endif
