/* eq_add_s8_mve - addition of equal shapes, MVE: 4 values a pass of a tail-predicated loop. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

void eq_add_s8_mve(const eq_add_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    /* A factor of b of exactly 1/2 has shift 0: one more bit to the left and one to the right give
     * the same value, so that the rounding below is for real shifts only. */
    const int32_t exact = p->b_shift == 0;
    const int32_t up = 20 + exact, b_shift = p->b_shift - exact;
    const int32_t b_zero = -p->b_zero * (1 << up), a_zero = -p->a_zero * (1 << 19);
    const int32x4_t low = vdupq_n_s32(p->act_min), high = vdupq_n_s32(p->act_max);
    const int32x4_t shifted = vdupq_n_s32(p->out_shift);
    register uint32_t n __asm__("lr") = p->n;
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[b]], #4\n\t"
                     "vshl.s32 q0, %[up]\n\t"
                     "vadd.i32 q0, q0, %[bz]\n\t"
                     "vqrdmulh.s32 q0, q0, %[bm]\n\t"
                     "vldrb.s32 q1, [%[a]], #4\n\t"
                     "vshr.s32 q2, q0, #31\n\t"
                     "vadd.i32 q0, q0, q2\n\t"
                     "vrshl.s32 q0, %[bs]\n\t"
                     "vshl.i32 q1, q1, #19\n\t"
                     "vadd.i32 q0, q0, %[az]\n\t"
                     "vadd.i32 q0, q0, q1\n\t"
                     "vqrdmulh.s32 q0, q0, %[om]\n\t"
                     "vand q2, q0, %q[shifted]\n\t"
                     "vshr.s32 q2, q2, #31\n\t"
                     "vadd.i32 q0, q0, q2\n\t"
                     "vrshl.s32 q0, %[os]\n\t"
                     "vadd.i32 q0, q0, %[oz]\n\t"
                     "vmax.s32 q0, q0, %q[low]\n\t"
                     "vmin.s32 q0, q0, %q[high]\n\t"
                     "vstrb.32 q0, [%[out]], #4\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [a] "+l"(a), [b] "+l"(b), [out] "+l"(out), [n] "+r"(n)
                     : [up] "r"(up), [bz] "r"(b_zero), [bm] "r"(p->b_mult), [bs] "r"(b_shift),
                       [az] "r"(a_zero), [om] "r"(p->out_mult), [os] "r"((int32_t)p->out_shift),
                       [oz] "r"((int32_t)p->out_zero), [low] "w"(low), [high] "w"(high),
                       [shifted] "w"(shifted)
                     : "q0", "q1", "q2", "memory");
}
#endif
