/* eq_mul_s8_mve - product with a broadcast operand, MVE: 4 values a pass, tail-predicated. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

/* How a product becomes an output. */
typedef struct {
    int32_t mult, left, right, zero;
    int32x4_t shifted, low, high;
} factor_t;

/* The output of the products in q0; q1 is overwritten. */
#define FINISH                                                                                     \
    "vqrdmulh.s32 q0, q0, %[mult]\n\t"                                                             \
    EQ_MVE_AWAY("q0", "q1", "%q[shifted]")                                                         \
    "vrshl.s32 q0, %[right]\n\t"                                                                   \
    "vadd.i32 q0, q0, %[zero]\n\t"                                                                 \
    "vmax.s32 q0, q0, %q[low]\n\t"                                                                 \
    "vmin.s32 q0, q0, %q[high]\n\t"                                                                \
    "vstrb.32 q0, [%[out]], #4\n\t"

/* n values of both operands. */
static void pairs(const factor_t *k, const int8_t *a, const int8_t *b, int8_t *out, uint32_t count,
                  int32_t a_zero, int32_t b_zero)
{
    register uint32_t n __asm__("lr") = count;
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[a]], #4\n\t"
                     "vadd.i32 q0, q0, %[az]\n\t"
                     "vldrb.s32 q1, [%[b]], #4\n\t"
                     "vadd.i32 q1, q1, %[bz]\n\t"
                     "vmul.i32 q0, q0, q1\n\t"
                     "vshl.s32 q0, %[left]\n\t"
                     FINISH
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [a] "+l"(a), [b] "+l"(b), [out] "+l"(out), [n] "+r"(n)
                     : [az] "r"(-a_zero), [bz] "r"(-b_zero), [left] "r"(k->left),
                       [mult] "r"(k->mult), [right] "r"(k->right), [zero] "r"(k->zero),
                       [shifted] "w"(k->shifted), [low] "w"(k->low), [high] "w"(k->high)
                     : "q0", "q1", "memory");
}

/* n values of one operand times `other`. */
static void run(const factor_t *k, const int8_t *a, int8_t *out, uint32_t count, int32_t a_zero,
                int32_t other)
{
    const int32_t times = other * (1 << k->left);
    const int32x4_t factor = vdupq_n_s32(times);
    register uint32_t n __asm__("lr") = count;
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[a]], #4\n\t"
                     "vmlas.s32 q0, %q[factor], %[offset]\n\t"
                     FINISH
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [a] "+l"(a), [out] "+l"(out), [n] "+r"(n)
                     : [offset] "r"(-a_zero * times), [factor] "w"(factor),
                       [mult] "r"(k->mult), [right] "r"(k->right), [zero] "r"(k->zero),
                       [shifted] "w"(k->shifted), [low] "w"(k->low), [high] "w"(k->high)
                     : "q0", "q1", "memory");
}

void eq_mul_s8_mve(const eq_mul_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t left = p->shift > 0 ? p->shift : 0, right = p->shift > 0 ? 0 : p->shift;
    const factor_t k = {
        p->mult, left, right, p->out_zero, vdupq_n_s32(right), vdupq_n_s32(p->act_min),
        vdupq_n_s32(p->act_max),
    };
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        if (inner == 1) {
            pairs(&k, a, b, out, n, p->a_zero, p->b_zero);
            a += n;
            out += n;
        }
        for (uint32_t i = 0; i < n && inner != 1; i++, a += inner, out += inner) {
            run(&k, a, out, inner, p->a_zero, b[i] - p->b_zero);
        }
    }
}
#endif
