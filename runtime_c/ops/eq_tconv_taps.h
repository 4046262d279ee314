/* eq_tconv_taps.h - which taps of a transposed convolution reach an output. Any ISA. */
#ifndef EQ_TCONV_TAPS_H
#define EQ_TCONV_TAPS_H

#include <stdint.h>

/* The taps of one axis that reach output o: k = first, first + stride, ... up to last, reading
 * input (o + pad - k) / stride. */
typedef struct {
    int32_t first, last, in;
} eq_tconv_taps_t;

static inline eq_tconv_taps_t eq_tconv_taps(int32_t o, int32_t pad, int32_t stride, int32_t size,
                                           int32_t k)
{
    const int32_t at = o + pad;
    eq_tconv_taps_t t = {at % stride, at < k ? at : k - 1, 0};
    const int32_t over = (at - t.first) / stride - (size - 1); /* taps that read behind the end */
    if (over > 0) {
        t.first += over * stride;
    }
    t.in = (at - t.first) / stride;
    return t;
}

#endif
