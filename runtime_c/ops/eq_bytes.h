/* eq_bytes.h - how the bodies eq_pad_rows.h and eq_copy_rows.h move runs of bytes, portable C.
 *
 * kernels/eq_bytes_<isa>.h has the same functions for an instruction set. */
#ifndef EQ_BYTES_H
#define EQ_BYTES_H

#include <stdint.h>
#include <string.h>

#include "eq_bytes_look_up.h"

static inline void eq_bytes_copy(int8_t *restrict dst, const int8_t *restrict src, uint32_t n)
{
    memcpy(dst, src, n);
}

static inline void eq_bytes_fill(int8_t *dst, int8_t value, uint32_t n)
{
    memset(dst, value, n);
}

#endif
