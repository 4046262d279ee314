/* eq_shift - moves a window over a stream by the newest values, portable C. */
#include <string.h>

#include "eq_move.h"

void eq_shift(const eq_shift_t *p, const void *restrict in, void *restrict window)
{
    const uint8_t *from = in;
    uint8_t *to = window;
    for (uint32_t o = 0; o < p->outer; o++, from += p->fresh, to += p->size) {
        memmove(to, to + p->fresh, p->size - p->fresh);
        memcpy(to + (p->size - p->fresh), from, p->fresh);
    }
}
