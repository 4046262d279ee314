/* eq_bytes_look_up.h - a run of bytes through a table of 256 (see eq_lut_s8_t), portable C. */
#ifndef EQ_BYTES_LOOK_UP_H
#define EQ_BYTES_LOOK_UP_H

#include <stdint.h>

static inline void eq_bytes_look_up(int8_t *restrict dst, const int8_t *restrict src, uint32_t n,
                                    const int8_t *restrict table)
{
    for (; n >= 4; n -= 4, src += 4, dst += 4) {
        dst[0] = table[(uint8_t)src[0]];
        dst[1] = table[(uint8_t)src[1]];
        dst[2] = table[(uint8_t)src[2]];
        dst[3] = table[(uint8_t)src[3]];
    }
    for (; n > 0; n--) {
        *dst++ = table[(uint8_t)*src++];
    }
}

#endif
