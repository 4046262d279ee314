/* eq_mve_gemv_s8w4 - matrix times column with 4-bit weights, MVE: 8 sums share every load of the
 * column, 21 instructions for 128 multiplications. */
#include "eq_mve_w4.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

enum { TABLES = 36 }; /* bytes of bias, mult and shift */

typedef struct {
    int32x4_t a, b; /* sums of two records, no bias yet */
} sums_t;

#define TWO(MLA, W, EVEN, ODD)                                                                     \
    "vldrb.8 %q[t], [%[" W "]], #16\n\t"                                                           \
    "vshl.i8 %q[u], %q[t], #4\n\t"                                                                 \
    "vand %q[t], %q[t], %q[odd]\n\t" MLA " " EVEN ", %q[s], %q[u]\n\t"                             \
    MLA " " ODD ", %q[s], %q[t]\n\t"
#define STEP(MLA)                                                                                  \
    "vldrb.8 %q[s], [%[x]], #16\n\t" TWO(MLA, "a", "r0", "r2") TWO(MLA, "a", "r4", "r6")           \
    TWO(MLA, "b", "r8", "r10") TWO(MLA, "b", "r12", "lr")

/* Both records against the input; *w moves to the tables of each. The first step starts the sums. */
static inline sums_t dot_8(const int8_t *x, const int8_t **wa, const int8_t **wb, int32_t steps)
{
    const int8_t *a = *wa, *b = *wb;
    const uint8x16_t odd = vdupq_n_u8(0xF0);
    int32x4_t u;
    sums_t r;
    __asm__(STEP("vmladav.s8")
            "lsrs %[n], %[n], #1\n\t"
            "beq.w 3f\n\t"
            "bcc.w 2f\n"
            "1:\n\t"
            STEP("vmladava.s8")
            "2:\n\t"
            STEP("vmladava.s8")
            "subs %[n], %[n], #1\n\t"
            "bne.w 1b\n"
            "3:\n\t"
            "vmov %q[s][2], %q[s][0], r0, r4\n\t"
            "vmov %q[t][2], %q[t][0], r8, r12\n\t"
            "vmov %q[s][3], %q[s][1], r2, r6\n\t"
            "vmov %q[t][3], %q[t][1], r10, lr\n\t"
            "vshr.s32 %q[s], %q[s], #4\n\t"
            "vshr.s32 %q[t], %q[t], #4\n\t"
            : [x] "+r"(x), [a] "+r"(a), [b] "+r"(b), [n] "+r"(steps), [s] "=&w"(r.a),
              [t] "=&w"(r.b), [u] "=&w"(u)
            : [odd] "w"(odd)
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    *wa = a;
    *wb = b;
    return r;
}

/* Clamped outputs of one record's sums. */
static inline int32x4_t finish(int32x4_t acc, const int8_t *tables, int32_t zero, int32x4_t low,
                               int32x4_t high)
{
    const int32x4_t bias = vreinterpretq_s32_s8(vldrbq_s8(tables));
    const int32x4_t mult = vreinterpretq_s32_s8(vldrbq_s8(tables + 16));
    const int32x4_t x = eq_mve_requant(vaddq_s32(acc, bias), mult, vldrbq_s32(tables + 32));
    return vminq_s32(vmaxq_s32(vaddq_n_s32(x, zero), low), high);
}

void eq_mve_gemv_s8w4(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out)
{
    const int32x4_t low = vdupq_n_s32(g->act_min), high = vdupq_n_s32(g->act_max);
    const int32_t steps = g->steps, zero = g->out_zero;
    const int32_t record = 32 * steps + TABLES, out_c = g->out_c;
    const int8_t *a = g->weights, *b = a + record;
    int8_t tail[8], *to = out;
    for (int32_t left = out_c; left > 0; left -= 8) {
        if (left < 8) {
            b = left > 4 ? b : a; /* a lone last record is its own partner */
            to = tail;
        }
        const sums_t r = dot_8(col, &a, &b, steps);
        vstrbq_s32(to, finish(r.a, a, zero, low, high));
        vstrbq_s32(to + 4, finish(r.b, b, zero, low, high));
        a = b + TABLES;
        b = a + record;
        to += 8;
    }
    eq_mve_copy(out + (out_c & ~7), tail, out_c & 7);
}
#endif
