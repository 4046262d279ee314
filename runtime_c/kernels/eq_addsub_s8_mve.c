/* eq_addsub_s8_mve - sum or difference with a broadcast operand, MVE: 4 values a pass of a
 * tail-predicated loop; the operand with the factor 1/2 and its sign take one VMLAS. */
#include "eq_elementwise.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"
#include "eq_requant.h"

/* An operand: (x << up) + offset, times mult, shifted to the right by -right >= 1, times sign. */
typedef struct {
    int32_t mult, up, offset, right, zero, sign, shift;
} operand_t;

static operand_t operand(int32_t mult, int32_t shift, int32_t zero, int32_t sign)
{
    /* without a right shift the factor is exactly 1/2: twice the value, then a shift by 1 */
    const int32_t exact = shift == 0;
    const operand_t k = {
        mult, 20 + exact, -zero * (1 << (20 + exact)), shift - exact, zero, sign, shift,
    };
    return k;
}

/* How a sum becomes an output. */
typedef struct {
    int32_t mult, right, zero;
    int32x4_t shifted, low, high;
} factor_t;

/* The operand in q0 as a term of the sum, but for its sign; q2 is overwritten. */
#define TERM                                                                                       \
    "vshl.s32 q0, %[up]\n\t"                                                                       \
    "vadd.i32 q0, q0, %[offset]\n\t"                                                               \
    "vqrdmulh.s32 q0, q0, %q[mult]\n\t"                                                            \
    "vshr.s32 q2, q0, #31\n\t"                                                                     \
    "vadd.i32 q0, q0, q2\n\t"                                                                      \
    "vrshl.s32 q0, %[right]\n\t"

/* The output of the sum in X; q2 is overwritten. */
#define FINISH(X)                                                                                  \
    "vqrdmulh.s32 " X ", " X ", %[om]\n\t"                                                         \
    EQ_MVE_AWAY(X, "q2", "%q[shifted]")                                                            \
    "vrshl.s32 " X ", %[os]\n\t"                                                                   \
    "vadd.i32 " X ", " X ", %[oz]\n\t"                                                             \
    "vmax.s32 " X ", " X ", %q[low]\n\t"                                                           \
    "vmin.s32 " X ", " X ", %q[high]\n\t"                                                          \
    "vstrb.32 " X ", [%[out]], #4\n\t"

/* `wide` has the factor 1/2. */
static __attribute__((noinline)) void pairs(const factor_t *k, const operand_t *w,
                                            const int8_t *wide, const operand_t *t,
                                            const int8_t *narrow, int8_t *out, uint32_t count)
{
    const int32_t times = w->sign * (1 << 19);
    const int32x4_t factor = vdupq_n_s32(times), mult = vdupq_n_s32(t->mult);
    register uint32_t n __asm__("lr") = count;
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[narrow]], #4\n\t"
                     TERM
                     "vldrb.s32 q1, [%[wide]], #4\n\t"
                     "vmlas.s32 q1, %q[factor], %[moved]\n\t"
                     "vmla.s32 q1, q0, %[sign]\n\t"
                     FINISH("q1")
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [wide] "+l"(wide), [narrow] "+l"(narrow), [out] "+l"(out), [n] "+r"(n)
                     : [up] "r"(t->up), [offset] "r"(t->offset), [mult] "w"(mult),
                       [right] "r"(t->right), [sign] "r"(t->sign), [factor] "w"(factor),
                       [moved] "r"(-w->zero * times), [om] "r"(k->mult), [os] "r"(k->right),
                       [oz] "r"(k->zero), [shifted] "w"(k->shifted), [low] "w"(k->low),
                       [high] "w"(k->high)
                     : "q0", "q1", "q2", "memory");
}

/* One operand and a term that stays. */
static __attribute__((noinline)) void run(const factor_t *k, const operand_t *t, const int8_t *a,
                                          int32_t other, int8_t *out, uint32_t count)
{
    const int32x4_t sign = vdupq_n_s32(t->sign), mult = vdupq_n_s32(t->mult);
    register uint32_t n __asm__("lr") = count;
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[a]], #4\n\t"
                     TERM
                     "vmlas.s32 q0, %q[sign], %[other]\n\t"
                     FINISH("q0")
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [a] "+l"(a), [out] "+l"(out), [n] "+r"(n)
                     : [up] "r"(t->up), [offset] "r"(t->offset), [mult] "w"(mult),
                       [right] "r"(t->right), [sign] "w"(sign), [other] "r"(other),
                       [om] "r"(k->mult), [os] "r"(k->right), [oz] "r"(k->zero),
                       [shifted] "w"(k->shifted), [low] "w"(k->low), [high] "w"(k->high)
                     : "q0", "q2", "memory");
}

void eq_addsub_s8_mve(const eq_addsub_s8_t *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const operand_t ka = operand(p->a_mult, p->a_shift, p->a_zero, p->a_sign);
    const operand_t kb = operand(p->b_mult, p->b_shift, p->b_zero, p->b_sign);
    const factor_t k = {
        p->out_mult, p->out_shift, p->out_zero, vdupq_n_s32(p->out_shift),
        vdupq_n_s32(p->act_min), vdupq_n_s32(p->act_max),
    };
    const uint32_t n = p->n, inner = p->inner;
    for (uint32_t outer = p->outer; outer > 0; outer--) {
        if (inner == 1) {
            if (ka.shift == 0) {
                pairs(&k, &ka, a, &kb, b, out, n);
            } else {
                pairs(&k, &kb, b, &ka, a, out, n);
            }
            a += n;
            out += n;
        }
        for (uint32_t i = 0; i < n && inner != 1; i++, a += inner, out += inner) {
            const int32_t y = eq_requant((b[i] - kb.zero) * (1 << 20), kb.mult, kb.shift);
            run(&k, &ka, a, kb.sign * y, out, inner);
        }
    }
}
#endif
