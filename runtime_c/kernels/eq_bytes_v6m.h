/* eq_bytes_v6m.h - eq_bytes.h's functions for short runs: words where everything is aligned, as
 * tensors with a multiple of 4 channels are. ARMv6-M. */
#ifndef EQ_BYTES_V6M_H
#define EQ_BYTES_V6M_H

#include <stdint.h>
#include <string.h>

#include "eq_bytes_look_up.h"

enum { EQ_LONG_RUN = 64 }; /* from here on the C library is as good */

static inline void eq_bytes_copy(int8_t *restrict dst, const int8_t *restrict src, uint32_t n)
{
    uint32_t a;
    if (n >= EQ_LONG_RUN) {
        memcpy(dst, src, n);
        return;
    }
    if ((((uintptr_t)dst | (uintptr_t)src | n) & 3u) == 0) {
        while (n > 0) {
            __asm__ volatile("ldmia %[src]!, {%[a]}\n\t"
                             "stmia %[dst]!, {%[a]}\n\t"
                             : [dst] "+l"(dst), [src] "+l"(src), [a] "=&l"(a)
                             :
                             : "memory");
            n -= 4;
        }
        return;
    }
    for (; n > 0; n--) {
        *dst++ = *src++;
        __asm__ volatile("" : : : "memory"); /* no call of memcpy */
    }
}

static inline void eq_bytes_fill(int8_t *dst, int8_t value, uint32_t n)
{
    const uint32_t word = 0x01010101u * (uint8_t)value;
    if (n >= EQ_LONG_RUN) {
        memset(dst, value, n);
        return;
    }
    if ((((uintptr_t)dst | n) & 3u) == 0) {
        while (n > 0) {
            __asm__ volatile("stmia %[dst]!, {%[word]}\n\t"
                             : [dst] "+l"(dst)
                             : [word] "l"(word)
                             : "memory");
            n -= 4;
        }
        return;
    }
    for (; n > 0; n--) {
        *dst++ = value;
        __asm__ volatile("" : : : "memory"); /* no call of memset */
    }
}

#endif
