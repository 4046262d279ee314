/* eq_mve.h - requantization, clamp and copies that the Helium kernels share. MVE only. */
#ifndef EQ_MVE_H
#define EQ_MVE_H

/* Without optimization GCC finds no registers for the assembly of these kernels. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC optimize("O1")
#endif

#include <arm_mve.h>
#include <stdint.h>

/* eq_requant of 4 lanes; shift <= 0 in every lane. VQRDMULH is the doubling high multiplication;
 * `& shift` picks the lanes that are negative and really shifted: they round away from zero. */
static inline int32x4_t eq_mve_requant(int32x4_t acc, int32x4_t mult, int32x4_t shift)
{
    const int32x4_t x = vqrdmulhq_s32(acc, mult);
    const int32x4_t away = vshrq_n_s32(vandq_s32(x, shift), 31);
    return vrshlq_s32(vaddq_s32(x, away), shift);
}

/* The middle of that as assembly text: X by VQRDMULH, S the shifts, T a free register. */
#define EQ_MVE_AWAY(X, T, S)                                                                       \
    "vand " T ", " X ", " S "\n\t"                                                                 \
    "vshr.s32 " T ", " T ", #31\n\t"                                                               \
    "vadd.i32 " X ", " X ", " T "\n\t"

/* Copy n bytes; exact, no byte beyond is touched. n may be 0. */
static inline void eq_mve_copy(int8_t *dst, const int8_t *src, int32_t n)
{
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[src]], #16\n\t"
                     "vstrb.8 q0, [%[dst]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [dst] "+r"(dst), [src] "+r"(src)
                     : [n] "r"(n)
                     : "lr", "q0", "memory");
}

/* Set n bytes to value; exact. n may be 0. */
static inline void eq_mve_fill(int8_t *dst, int32_t value, int32_t n)
{
    const int8x16_t v = vdupq_n_s8((int8_t)value);
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vstrb.8 %q[v], [%[dst]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [dst] "+r"(dst)
                     : [n] "r"(n), [v] "w"(v)
                     : "lr", "memory");
}

/* dst[i] = table[(uint8_t)src[i]], 16 a gather; exact. n may be 0. */
static inline void eq_mve_look_up(int8_t *dst, const int8_t *src, int32_t n, const int8_t *table)
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
