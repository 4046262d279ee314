/* eq_gather_deep_s8 - strided reads in up to eight axes, portable C: four by four. */
#include "eq_move.h"

void eq_gather_deep_s8(const eq_gather_deep_s8_t *p, const int8_t *restrict in,
                       int8_t *restrict out)
{
    eq_gather_s8_t inner = {p->n0, p->n1, p->n2, p->n3, p->s0, p->s1, p->s2, p->s3, 0};
    const uint32_t size = p->n0 * p->n1 * p->n2 * p->n3;
    for (uint32_t i = 0; i < p->m0; i++) {
        for (uint32_t j = 0; j < p->m1; j++) {
            for (uint32_t k = 0; k < p->m2; k++) {
                inner.start = p->start + (int32_t)i * p->t0 + (int32_t)j * p->t1
                              + (int32_t)k * p->t2;
                for (uint32_t l = 0; l < p->m3; l++, inner.start += p->t3, out += size) {
                    eq_gather_s8(&inner, in, out);
                }
            }
        }
    }
}
