/* eq_topk_s8 - the k largest or smallest values of each row and where they lie, portable C. */
#include "eq_detect.h"

void eq_topk_s8(const eq_topk_s8_t *p, const int8_t *restrict in, int8_t *restrict values,
                int32_t *restrict indices)
{
    for (uint32_t r = 0; r < p->rows; r++, in += p->n) {
        int32_t last = 256; /* the value found before: above all others at first */
        uint32_t last_at = 0;
        for (uint32_t t = 0; t < p->k; t++) {
            int32_t best = -256;
            uint32_t at = 0;
            for (uint32_t j = 0; j < p->n; j++) {
                const int32_t x = p->sign * in[j];
                if (x > best && (x < last || (x == last && j > last_at))) {
                    best = x;
                    at = j;
                }
            }
            *values++ = in[at];
            *indices++ = (int32_t)at;
            last = best;
            last_at = at;
        }
    }
}
