/* eq_embedding - rows of a table by index, portable C: an index beyond it takes its nearest end. */
#include "eq_move.h"

void eq_embedding(const eq_embedding_t *p, const int32_t *restrict index,
                  const int8_t *restrict table, int8_t *restrict out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const uint32_t at = index[i] < 0 ? 0 : (uint32_t)index[i];
        const int8_t *row = table + (at < p->rows ? at : p->rows - 1) * p->width;
        for (uint32_t k = 0; k < p->width; k++) {
            *out++ = row[k];
        }
    }
}
