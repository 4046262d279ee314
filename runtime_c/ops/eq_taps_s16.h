/* eq_taps_s16.h - the taps of a window that lie inside the input: padding is 0, so the others are left
 * out. Any ISA. */
#ifndef EQ_TAPS_S16_H
#define EQ_TAPS_S16_H

#include <stdint.h>

/* Taps of one kernel dimension: first <= k < end. */
typedef struct {
    int32_t first, end;
} eq_taps_s16_t;

/* Those of `taps` from `start` on, `dilation` apart, that lie within 0 to size - 1. */
static inline eq_taps_s16_t eq_taps_inside(int32_t start, int32_t taps, int32_t dilation,
                                           int32_t size)
{
    eq_taps_s16_t t = {0, taps};
    while (t.first < t.end && start + t.first * dilation < 0) {
        t.first++;
    }
    while (t.end > t.first && start + (t.end - 1) * dilation >= size) {
        t.end--;
    }
    return t;
}

#endif
