/* eq_gather_s8 - strided reads in four axes, portable C: transpose, slice. */
#include <string.h>

#include "eq_move.h"

static void row(const int8_t *restrict in, int8_t *restrict out, uint32_t n, int32_t step)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = in[(int32_t)i * step];
    }
}

void eq_gather_s8(const eq_gather_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    for (uint32_t i = 0; i < p->n0; i++) {
        for (uint32_t j = 0; j < p->n1; j++) {
            for (uint32_t k = 0; k < p->n2; k++, out += p->n3) {
                const int8_t *from = in + p->start + (int32_t)i * p->s0 + (int32_t)j * p->s1
                                     + (int32_t)k * p->s2;
                if (p->s3 == 1) {
                    memcpy(out, from, p->n3);
                } else {
                    row(from, out, p->n3, p->s3);
                }
            }
        }
    }
}
