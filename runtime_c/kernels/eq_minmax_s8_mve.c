/* eq_minmax_s8_mve - minimum or maximum with a broadcast operand, MVE: 16 values a pass. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* Values as they are, or through a table. */
static inline int8x16_t values(const int8_t *table, int8x16_t x, mve_pred16_t lanes)
{
    return table == 0 ? x : vldrbq_gather_offset_z_s8(table, vreinterpretq_u8_s8(x), lanes);
}

/* n values of both operands; `b_step` is 0 where `b` holds one value 16 times. */
static inline void row(const eq_minmax_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                       uint32_t n, uint32_t b_step)
{
    for (uint32_t i = 0; i < n; i += 16, a += 16, b += b_step, out += 16) {
        const mve_pred16_t lanes = vctp8q(n - i);
        const int8x16_t x = values(p->a_table, vldrbq_z_s8(a, lanes), lanes);
        const int8x16_t y = values(p->b_table, vldrbq_z_s8(b, lanes), lanes);
        vstrbq_p_s8(out, p->is_max != 0 ? vmaxq_s8(x, y) : vminq_s8(x, y), lanes);
    }
}

void eq_minmax_s8_mve(const eq_minmax_s8_t *params, const int8_t *a, const int8_t *b, int8_t *out)
{
    const eq_minmax_s8_t p = *params;
    for (uint32_t outer = p.outer; outer > 0; outer--) {
        if (p.inner == 1) {
            row(&p, a, b, out, p.n, 16);
            a += p.n;
            out += p.n;
        }
        for (uint32_t i = 0; i < p.n && p.inner != 1; i++, a += p.inner, out += p.inner) {
            int8_t other[16];
            vstrbq_s8(other, vdupq_n_s8(b[i]));
            row(&p, a, other, out, p.inner, 0);
        }
    }
}
#endif
