/* eq_mve_gemv.h - matrix times column, MVE: weights read once, 8 sums share every load of it.
 *
 * Included by one product each, which has defined what differs between them:
 *   EQ_GEMV_LOAD, _BY      the load of a channel's weights for 16 bytes of the column, its bytes (text)
 *   EQ_GEMV_STEP_WEIGHTS   bytes of four channels' weights for 16 bytes of the column
 *   EQ_GEMV_START, _GO_ON  the multiplications that begin and that continue a sum
 *   EQ_GEMV_SCALE          the multiplication by mult
 *   EQ_GEMV_ROUND(X, T, S) text that makes the right shift of X by S round away from zero, or ""
 *   EQ_GEMV_STORE, _SIZE, _FOUR  the store, the bytes of an output, those of four as text
 * and where records have left shifts behind them (EQ_GEMV_TAIL, the bytes from the right shifts on;
 * EQ_GEMV_TABLES, those of all tables):
 *   EQ_GEMV_RAISE(X, W, T) text that applies them, W is the record from mult on; free: T */
#ifndef EQ_MVE_GEMV_H
#define EQ_MVE_GEMV_H

#include "eq_mve.h"
#include "eq_mve_gemm.h"

#if !defined(EQ_GEMV_RAISE)
#define EQ_GEMV_RAISE(X, W, T) ""
#define EQ_GEMV_TAIL "4"
#define EQ_GEMV_TABLES 36
#endif

/* What the assembly reads at these offsets. */
typedef struct {
    const int8_t *x;        /* 0: the column */
    int32_t passes;         /* 4: of 4 steps, after the first step */
    uint32_t entry;         /* 8: bytes to skip in the first pass, then its address */
    int32_t record;         /* 12: bytes of a weight record */
    int32_t left;           /* 16: channels, a multiple of 8 */
    int8_t *out;            /* 20 */
    int32_t zero;           /* 24 */
} column_t;

/* One step, 17 instructions for 8 times the taps of 16 bytes. */
enum { STEP_BYTES = 68 };
#define WITH(MLA, W, T, SUM)                                                                       \
    EQ_GEMV_LOAD " %q[" T "], [%[" W "]], #" EQ_GEMV_BY "\n\t" MLA " " SUM ", %q[s], %q[" T "]\n\t"
#define STEP(MLA)                                                                                  \
    "vldrb.8 %q[s], [%[x]], #16\n\t"                                                               \
    WITH(MLA, "a", "t", "r0") WITH(MLA, "b", "u", "r8") WITH(MLA, "a", "t", "r2")                  \
    WITH(MLA, "b", "u", "r10") WITH(MLA, "a", "t", "r4") WITH(MLA, "b", "u", "r12")                \
    WITH(MLA, "a", "t", "r6") WITH(MLA, "b", "u", "lr")

/* k->left outputs; `a` and `b` are the first two records. Assembly: compilers spill the sums. */
static __attribute__((noinline)) void blocks(column_t *k, const int8_t *a, const int8_t *b,
                                             int32_t act_min, int32_t act_max)
{
    const int32x4_t low = vdupq_n_s32(act_min), high = vdupq_n_s32(act_max);
    const int8_t *x;
    int32x4_t s, t, u, v;
    int32_t n;
    __asm__ volatile("ldrd r0, r2, [%[k], #4]\n\t"
                     "adr.w r4, 1f\n\t"
                     "add r4, r4, r2\n\t"
                     "cmp r0, #0\n\t"
                     "it eq\n\t"
                     "adreq.w r4, 2f\n\t"
                     "orr r4, r4, #1\n\t"
                     "str r4, [%[k], #8]\n"
                     "0:\n\t"
                     "ldrd %[x], %[n], [%[k]]\n\t"
                     STEP(EQ_GEMV_START)
                     "ldr pc, [%[k], #8]\n\t"
                     ".p2align 2\n"
                     "1:\n\t"
                     STEP(EQ_GEMV_GO_ON)
                     STEP(EQ_GEMV_GO_ON)
                     STEP(EQ_GEMV_GO_ON)
                     STEP(EQ_GEMV_GO_ON)
                     "subs %[n], %[n], #1\n\t"
                     "bne.w 1b\n"
                     "2:\n\t"
                     "vldrb.8 %q[u], [%[a]], #16\n\t"
                     "vmov %q[s][2], %q[s][0], r0, r4\n\t"
                     "vmov %q[t][2], %q[t][0], r8, r12\n\t"
                     "vmov %q[s][3], %q[s][1], r2, r6\n\t"
                     "vmov %q[t][3], %q[t][1], r10, lr\n\t"
                     "vldrb.8 %q[v], [%[b]], #16\n\t"
                     "vadd.i32 %q[s], %q[s], %q[u]\n\t"
                     EQ_GEMV_RAISE("%q[s]", "%[a]", "%q[u]")
                     "vldrb.8 %q[u], [%[a]], #16\n\t"
                     "vadd.i32 %q[t], %q[t], %q[v]\n\t"
                     EQ_GEMV_RAISE("%q[t]", "%[b]", "%q[v]")
                     "vldrb.8 %q[v], [%[b]], #16\n\t"
                     EQ_GEMV_SCALE " %q[s], %q[s], %q[u]\n\t"
                     "vldrb.s32 %q[u], [%[a]], #" EQ_GEMV_TAIL "\n\t"
                     EQ_GEMV_SCALE " %q[t], %q[t], %q[v]\n\t"
                     EQ_GEMV_ROUND("%q[s]", "%q[v]", "%q[u]")
                     "ldrd r6, r2, [%[k], #16]\n\t"
                     "vrshl.s32 %q[s], %q[s], %q[u]\n\t"
                     "vldrb.s32 %q[u], [%[b]], #" EQ_GEMV_TAIL "\n\t"
                     "ldr r0, [%[k], #24]\n\t"
                     EQ_GEMV_ROUND("%q[t]", "%q[v]", "%q[u]")
                     "vadd.i32 %q[s], %q[s], r0\n\t"
                     "vrshl.s32 %q[t], %q[t], %q[u]\n\t"
                     "vmax.s32 %q[s], %q[s], %q[low]\n\t"
                     "vadd.i32 %q[t], %q[t], r0\n\t"
                     "vmin.s32 %q[s], %q[s], %q[high]\n\t"
                     "vmax.s32 %q[t], %q[t], %q[low]\n\t"
                     EQ_GEMV_STORE " %q[s], [r2], #" EQ_GEMV_FOUR "\n\t"
                     "vmin.s32 %q[t], %q[t], %q[high]\n\t"
                     "ldr r4, [%[k], #12]\n\t"
                     EQ_GEMV_STORE " %q[t], [r2], #" EQ_GEMV_FOUR "\n\t"
                     "mov %[a], %[b]\n\t"
                     "add %[b], %[b], r4\n\t"
                     "subs r6, r6, #8\n\t"
                     "strd r6, r2, [%[k], #16]\n\t"
                     "bgt.w 0b\n\t"
                     : [x] "=&r"(x), [a] "+l"(a), [b] "+l"(b), [n] "=&r"(n), [s] "=&w"(s),
                       [t] "=&w"(t), [u] "=&w"(u), [v] "=&w"(v)
                     : [k] "r"(k), [low] "w"(low), [high] "w"(high)
                     : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
}

static inline void column(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out)
{
    const uint32_t entry = ((1u - (uint32_t)g->steps) & 3u) * STEP_BYTES;
    const int32_t whole = g->out_c & ~7, rest = g->out_c & 7;
    column_t k = {
        .x = col, .passes = (g->steps + 2) / 4, .entry = entry,
        .record = EQ_GEMV_STEP_WEIGHTS * g->steps + EQ_GEMV_TABLES, .left = whole, .out = out,
        .zero = g->out_zero,
    };
    if (whole != 0) {
        blocks(&k, g->weights, g->weights + k.record, g->act_min, g->act_max);
    }
    if (rest != 0) {
        const int8_t *a = g->weights + whole / 4 * k.record;
        int8_t tail[8 * EQ_GEMV_SIZE];
        k.entry = entry;
        k.left = 8;
        k.out = tail;
        /* a lone last record is its own partner */
        blocks(&k, a, rest > 4 ? a + k.record : a, g->act_min, g->act_max);
        eq_mve_copy(out + EQ_GEMV_SIZE * whole, tail, EQ_GEMV_SIZE * rest);
    }
}

#endif
