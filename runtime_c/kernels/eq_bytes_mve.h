/* eq_bytes_mve.h - eq_bytes.h's functions, 16 bytes a step of a tail-predicated loop. MVE only. */
#ifndef EQ_BYTES_MVE_H
#define EQ_BYTES_MVE_H

#include "eq_mve.h"

static inline void eq_bytes_copy(int8_t *dst, const int8_t *src, uint32_t n)
{
    eq_mve_copy(dst, src, (int32_t)n);
}

static inline void eq_bytes_fill(int8_t *dst, int8_t value, uint32_t n)
{
    eq_mve_fill(dst, value, (int32_t)n);
}

/* Through a table of 256: a gather a step; exact. */
static inline void eq_bytes_look_up(int8_t *dst, const int8_t *src, uint32_t n, const int8_t *table)
{
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[src]], #16\n\t"
                     "vldrb.u8 q1, [%[table], q0]\n\t"
                     "vstrb.8 q1, [%[dst]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [dst] "+r"(dst), [src] "+r"(src)
                     : [n] "r"(n), [table] "r"(table)
                     : "lr", "q0", "q1", "memory");
}

#endif
