/* eq_mve_gemm_pair.h - two columns times all channels, MVE: 2 x 4 sums in 8 scalars (VMLADAV).
 *
 * Included by one product each, which has defined what differs between them:
 *   EQ_PAIR_STEP(MLA)      text of one step, EQ_PAIR_STEP_BYTES long: 16 bytes of the columns times
 *                          the weights, sums r0 r2 r4 r6 and r8 r10 r12 lr; free: a, b, u, v
 *   EQ_PAIR_START, _GO_ON  the multiplications that begin and that continue a sum
 *   EQ_PAIR_ALSO           further input operands of that text, or nothing
 *   EQ_PAIR_SHRINK(X)      text that takes a factor off the sums X, or ""
 *   EQ_PAIR_SCALE          the multiplication by mult
 *   EQ_PAIR_ROUND(X, T, S) text that makes the right shift of X by S round away from zero, or ""
 *   EQ_PAIR_STORE, _FOUR   the store, and the bytes of four outputs as text
 *   EQ_PAIR_LAST           the product for a lone last column
 * and where records have left shifts behind them (EQ_PAIR_TAIL, the bytes from the right shifts on):
 *   EQ_PAIR_RAISE          text that applies them to the sums a and b; free: u
 * Assembly, because compilers spill the sums. */
#ifndef EQ_MVE_GEMM_PAIR_H
#define EQ_MVE_GEMM_PAIR_H

#include "eq_mve.h"
#include "eq_mve_gemm.h"

#if !defined(EQ_PAIR_RAISE)
#define EQ_PAIR_RAISE ""
#define EQ_PAIR_TAIL "4"
#endif

/* The step of whole bytes or halfwords, 14 instructions: LOAD and BY bring the weights of a channel. */
#define EQ_PAIR_PLAIN_STEP_BYTES 56u
#define EQ_PAIR_PLAIN_STEP(MLA, LOAD, BY)                                                          \
    "vldrb.8 %q[a], [%[x0]], #16\n\t"                                                              \
    LOAD " %q[u], [%[w]], #" BY "\n\t" MLA " r0, %q[a], %q[u]\n\t"                                 \
    "vldrb.8 %q[b], [%[x1]], #16\n\t" MLA " r8, %q[b], %q[u]\n\t"                                  \
    LOAD " %q[v], [%[w]], #" BY "\n\t" MLA " r2, %q[a], %q[v]\n\t" MLA " r10, %q[b], %q[v]\n\t"    \
    LOAD " %q[u], [%[w]], #" BY "\n\t" MLA " r4, %q[a], %q[u]\n\t" MLA " r12, %q[b], %q[u]\n\t"    \
    LOAD " %q[v], [%[w]], #" BY "\n\t" MLA " r6, %q[a], %q[v]\n\t" MLA " lr, %q[b], %q[v]\n\t"

/* What the assembly reads at these offsets. */
typedef struct {
    const int8_t *x0, *x1;  /* 0, 4: columns */
    int32_t passes;         /* 8: of 4 steps, after the first step */
    uint32_t entry;         /* 12: bytes to skip in the first pass, then its address */
    int8_t *out0, *out1;    /* 16, 20 */
    int32_t left;           /* 24: channels */
    int32_t zero;           /* 28 */
} eq_mve_pair_t;

/* All channels of two columns. */
static inline void product_of_pair(const eq_mve_pair_t *k, const int8_t *w, int32x4_t low,
                                   int32x4_t high)
{
    const int8_t *x0, *x1;
    int32x4_t a, b, u, v;
    int32_t n;
    __asm__ volatile("ldrd r0, r2, [%[k], #8]\n\t"
                     "adr.w r4, 1f\n\t"
                     "add r4, r4, r2\n\t"
                     "cmp r0, #0\n\t"
                     "it eq\n\t"
                     "adreq.w r4, 2f\n\t"
                     "orr r4, r4, #1\n\t"
                     "str r4, [%[k], #12]\n"
                     "0:\n\t"
                     "ldrd %[x0], %[x1], [%[k]]\n\t"
                     "ldr %[n], [%[k], #8]\n\t"
                     EQ_PAIR_STEP(EQ_PAIR_START)
                     "ldr pc, [%[k], #12]\n\t"
                     ".p2align 2\n"
                     "1:\n\t"
                     EQ_PAIR_STEP(EQ_PAIR_GO_ON)
                     EQ_PAIR_STEP(EQ_PAIR_GO_ON)
                     EQ_PAIR_STEP(EQ_PAIR_GO_ON)
                     EQ_PAIR_STEP(EQ_PAIR_GO_ON)
                     "subs %[n], %[n], #1\n\t"
                     "bne.w 1b\n"
                     "2:\n\t"
                     "vldrb.8 %q[u], [%[w]], #16\n\t"
                     "vmov %q[a][2], %q[a][0], r0, r4\n\t"
                     "vmov %q[b][2], %q[b][0], r8, r12\n\t"
                     "vmov %q[a][3], %q[a][1], r2, r6\n\t"
                     "vmov %q[b][3], %q[b][1], r10, lr\n\t"
                     EQ_PAIR_SHRINK("%q[a]")
                     EQ_PAIR_SHRINK("%q[b]")
                     "vadd.i32 %q[a], %q[a], %q[u]\n\t"
                     "ldrd r2, r4, [%[k], #16]\n\t"
                     "vadd.i32 %q[b], %q[b], %q[u]\n\t"
                     EQ_PAIR_RAISE
                     "vldrb.8 %q[u], [%[w]], #16\n\t"
                     EQ_PAIR_SCALE " %q[a], %q[a], %q[u]\n\t"
                     "ldrd r6, r0, [%[k], #24]\n\t"
                     EQ_PAIR_SCALE " %q[b], %q[b], %q[u]\n\t"
                     "vldrb.s32 %q[v], [%[w]], #" EQ_PAIR_TAIL "\n\t"
                     EQ_PAIR_ROUND("%q[a]", "%q[u]", "%q[v]")
                     EQ_PAIR_ROUND("%q[b]", "%q[u]", "%q[v]")
                     "vrshl.s32 %q[a], %q[a], %q[v]\n\t"
                     "vrshl.s32 %q[b], %q[b], %q[v]\n\t"
                     "vadd.i32 %q[a], %q[a], r0\n\t"
                     "vadd.i32 %q[b], %q[b], r0\n\t"
                     "vmax.s32 %q[a], %q[a], %q[low]\n\t"
                     "vmax.s32 %q[b], %q[b], %q[low]\n\t"
                     "vmin.s32 %q[a], %q[a], %q[high]\n\t"
                     "vmin.s32 %q[b], %q[b], %q[high]\n\t"
                     "vctp.32 r6\n\t"
                     "vpstt\n\t"
                     EQ_PAIR_STORE " %q[a], [r2], #" EQ_PAIR_FOUR "\n\t"
                     EQ_PAIR_STORE " %q[b], [r4], #" EQ_PAIR_FOUR "\n\t"
                     "subs r6, r6, #4\n\t"
                     "strd r2, r4, [%[k], #16]\n\t"
                     "str r6, [%[k], #24]\n\t"
                     "bgt.w 0b\n\t"
                     : [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "+l"(w), [n] "=&r"(n),
                       [a] "=&w"(a), [b] "=&w"(b), [u] "=&w"(u), [v] "=&w"(v)
                     : [k] "r"(k), [low] "w"(low), [high] "w"(high) EQ_PAIR_ALSO
                     : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
}

static inline void product(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride,
                           int32_t pixels, int8_t *out)
{
    const int32x4_t low = vdupq_n_s32(g->act_min), high = vdupq_n_s32(g->act_max);
    const uint32_t entry = ((1u - (uint32_t)g->steps) & 3u) * EQ_PAIR_STEP_BYTES;
    eq_mve_pair_t k = {.passes = (g->steps + 2) / 4, .zero = g->out_zero};
    for (; pixels > 1; pixels -= 2, cols += 2 * stride, out += 2 * g->row) {
        k.x0 = cols;
        k.x1 = cols + stride;
        k.entry = entry;
        k.out0 = out;
        k.out1 = out + g->row;
        k.left = g->out_c;
        product_of_pair(&k, g->weights, low, high);
    }
    if (pixels > 0) {
        EQ_PAIR_LAST(g, cols, out);
    }
}

#endif
