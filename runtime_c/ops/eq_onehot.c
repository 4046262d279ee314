/* eq_onehot - 1 at the place of each index in a row of zeros, portable C. */
#include "eq_move.h"

void eq_onehot(const eq_onehot_t *p, const int32_t *restrict index, int8_t *restrict out)
{
    const int32_t depth = p->depth;
    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t at = p->wraps && index[i] < 0 && index[i] >= -depth ? index[i] + depth
                                                                          : index[i];
        for (int32_t k = 0; k < depth; k++) {
            *out++ = k == at;
        }
    }
}
