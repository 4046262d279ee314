/* eq_argextreme_s8 - where the largest or smallest value lies along the middle axis, portable C. */
#include "eq_detect.h"

void eq_argextreme_s8(const eq_argextreme_s8_t *p, const int8_t *restrict in,
                      int32_t *restrict out)
{
    for (uint32_t o = 0; o < p->outer; o++, in += p->n * p->inner) {
        for (uint32_t i = 0; i < p->inner; i++) {
            int32_t best = p->sign * in[i];
            uint32_t at = 0;
            for (uint32_t j = 1; j < p->n; j++) {
                const int32_t x = p->sign * in[j * p->inner + i];
                if (x > best || (p->last && x == best)) {
                    best = x;
                    at = j;
                }
            }
            *out++ = (int32_t)at;
        }
    }
}
