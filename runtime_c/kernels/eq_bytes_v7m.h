/* eq_bytes_v7m.h - eq_bytes.h's functions for short runs: words at any address, which these cores
 * load and store with one instruction. Assembly, because compilers split the loops. ARMv7-M. */
#ifndef EQ_BYTES_V7M_H
#define EQ_BYTES_V7M_H

#include <stdint.h>
#include <string.h>

#include "eq_bytes_look_up.h"

enum { EQ_LONG_RUN = 64 }; /* from here on the C library is as good */

static inline void eq_bytes_copy(int8_t *restrict dst, const int8_t *restrict src, uint32_t n)
{
    uint32_t a, b, c, d;
    if (n >= EQ_LONG_RUN) {
        memcpy(dst, src, n);
        return;
    }
    __asm__ volatile("subs %[n], #16\n\t"
                     "blt 2f\n"
                     "1:\n\t"
                     "ldr %[a], [%[src]], #4\n\t"
                     "ldr %[b], [%[src]], #4\n\t"
                     "ldr %[c], [%[src]], #4\n\t"
                     "ldr %[d], [%[src]], #4\n\t"
                     "str %[a], [%[dst]], #4\n\t"
                     "str %[b], [%[dst]], #4\n\t"
                     "str %[c], [%[dst]], #4\n\t"
                     "str %[d], [%[dst]], #4\n\t"
                     "subs %[n], #16\n\t"
                     "bge 1b\n"
                     "2:\n\t"
                     "adds %[n], #12\n\t"
                     "blt 4f\n"
                     "3:\n\t"
                     "ldr %[a], [%[src]], #4\n\t"
                     "subs %[n], #4\n\t"
                     "str %[a], [%[dst]], #4\n\t"
                     "bge 3b\n"
                     "4:\n\t"
                     "adds %[n], #4\n\t"
                     "beq 6f\n"
                     "5:\n\t"
                     "ldrb %[a], [%[src]], #1\n\t"
                     "subs %[n], #1\n\t"
                     "strb %[a], [%[dst]], #1\n\t"
                     "bne 5b\n"
                     "6:\n\t"
                     : [dst] "+r"(dst), [src] "+r"(src), [n] "+l"(n), [a] "=&r"(a), [b] "=&r"(b),
                       [c] "=&r"(c), [d] "=&r"(d)
                     :
                     : "cc", "memory");
}

static inline void eq_bytes_fill(int8_t *dst, int8_t value, uint32_t n)
{
    const uint32_t word = 0x01010101u * (uint8_t)value;
    if (n >= EQ_LONG_RUN) {
        memset(dst, value, n);
        return;
    }
    __asm__ volatile("subs %[n], #4\n\t"
                     "blt 4f\n"
                     "3:\n\t"
                     "str %[word], [%[dst]], #4\n\t"
                     "subs %[n], #4\n\t"
                     "bge 3b\n"
                     "4:\n\t"
                     "adds %[n], #4\n\t"
                     "beq 6f\n"
                     "5:\n\t"
                     "strb %[word], [%[dst]], #1\n\t"
                     "subs %[n], #1\n\t"
                     "bne 5b\n"
                     "6:\n\t"
                     : [dst] "+r"(dst), [n] "+l"(n)
                     : [word] "r"(word)
                     : "cc", "memory");
}

#endif
