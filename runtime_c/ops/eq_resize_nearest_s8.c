/* eq_resize_nearest_s8 - resize to the nearest pixel, portable C: places from tables. */
#include <string.h>

#include "eq_move.h"

void eq_resize_nearest_s8(const eq_resize_nearest_s8_t *p, const int8_t *restrict in,
                          int8_t *restrict out)
{
    const size_t c = p->c, row = p->in_w * c;
    for (uint32_t y = 0; y < p->out_h; y++) {
        for (uint32_t x = 0; x < p->out_w; x++, out += c) {
            memcpy(out, in + p->rows[y] * row + p->columns[x] * c, c);
        }
    }
}
