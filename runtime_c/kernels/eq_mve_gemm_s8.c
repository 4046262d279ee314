/* eq_mve_gemm_s8 - matrix product, MVE: 2 columns x 4 channels in 8 scalar accumulators (VMLADAV). */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#include "eq_mve.h"

typedef struct {
    int32x4_t a, b;        /* bias + sum of 4 channels, two columns */
    int32x4_t mult, shift;
} record_t;

/* One record; *w moves behind it. The first step starts the accumulators. */
static inline record_t dot_4x2(const int8_t *x0, const int8_t *x1, const int8_t **w, int32_t steps)
{
    const int8_t *wp = *w;
    record_t r;
    __asm__("vldrb.8 %q[a], [%[x0]], #16\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vmladav.s8 r0, %q[a], %q[u]\n\t"
            "vldrb.8 %q[b], [%[x1]], #16\n\t"
            "vmladav.s8 r8, %q[b], %q[u]\n\t"
            "vldrb.8 %q[v], [%[w]], #16\n\t"
            "vmladav.s8 r2, %q[a], %q[v]\n\t"
            "vmladav.s8 r10, %q[b], %q[v]\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vmladav.s8 r4, %q[a], %q[u]\n\t"
            "vmladav.s8 r12, %q[b], %q[u]\n\t"
            "vldrb.8 %q[v], [%[w]], #16\n\t"
            "vmladav.s8 r6, %q[a], %q[v]\n\t"
            "vmladav.s8 lr, %q[b], %q[v]\n\t"
            "subs %[n], %[n], #1\n\t"
            "beq 2f\n"
            "1:\n\t"
            "vldrb.8 %q[a], [%[x0]], #16\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vmladava.s8 r0, %q[a], %q[u]\n\t"
            "vldrb.8 %q[b], [%[x1]], #16\n\t"
            "vmladava.s8 r8, %q[b], %q[u]\n\t"
            "vldrb.8 %q[v], [%[w]], #16\n\t"
            "vmladava.s8 r2, %q[a], %q[v]\n\t"
            "vmladava.s8 r10, %q[b], %q[v]\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vmladava.s8 r4, %q[a], %q[u]\n\t"
            "vmladava.s8 r12, %q[b], %q[u]\n\t"
            "vldrb.8 %q[v], [%[w]], #16\n\t"
            "vmladava.s8 r6, %q[a], %q[v]\n\t"
            "vmladava.s8 lr, %q[b], %q[v]\n\t"
            "subs %[n], %[n], #1\n\t"
            "bne 1b\n"
            "2:\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vmov %q[a][2], %q[a][0], r0, r4\n\t"
            "vmov %q[b][2], %q[b][0], r8, r12\n\t"
            "vmov %q[a][3], %q[a][1], r2, r6\n\t"
            "vmov %q[b][3], %q[b][1], r10, lr\n\t"
            "vadd.i32 %q[a], %q[a], %q[u]\n\t"
            "vadd.i32 %q[b], %q[b], %q[u]\n\t"
            "vldrb.8 %q[u], [%[w]], #16\n\t"
            "vldrb.s32 %q[v], [%[w]], #4\n\t"
            : [x0] "+r"(x0), [x1] "+r"(x1), [w] "+l"(wp), [n] "+r"(steps), [a] "=&w"(r.a),
              [b] "=&w"(r.b), [u] "=&w"(r.mult), [v] "=&w"(r.shift)
            :
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    *w = wp;
    return r;
}

static inline int32x4_t finish(int32x4_t x, int32_t zero, int32x4_t low, int32x4_t high)
{
    return vminq_s32(vmaxq_s32(vaddq_n_s32(x, zero), low), high);
}

/* The low bytes of min(left, 4) lanes to each pointer; both move on by 4. */
static inline void store_2x4(int8_t **out0, int8_t **out1, int32x4_t a, int32x4_t b, int32_t left)
{
    int8_t *p0 = *out0, *p1 = *out1;
    __asm__ volatile("vctp.32 %[left]\n\t"
                     "vpstt\n\t"
                     "vstrbt.32 %q[a], [%[p0]], #4\n\t"
                     "vstrbt.32 %q[b], [%[p1]], #4\n\t"
                     : [p0] "+l"(p0), [p1] "+l"(p1)
                     : [a] "w"(a), [b] "w"(b), [left] "r"(left)
                     : "memory");
    *out0 = p0;
    *out1 = p1;
}

void eq_mve_gemm_s8(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                    int8_t *out)
{
    const int32x4_t low = vdupq_n_s32(g->act_min), high = vdupq_n_s32(g->act_max);
    const int32_t zero = g->out_zero, steps = g->steps;
    for (; pixels > 0; pixels -= 2, cols += 2 * stride, out += 2 * g->out_c) {
        const int32_t second = pixels > 1; /* a lone last column is its own partner */
        const int8_t *x1 = second ? cols + stride : cols, *w = g->weights;
        int8_t *out0 = out, *out1 = second ? out + g->out_c : out;
        for (int32_t left = g->out_c; left > 0; left -= 4) {
            const record_t r = dot_4x2(cols, x1, &w, steps);
            const int32x4_t a = eq_mve_requant(r.a, r.mult, r.shift);
            const int32x4_t b = eq_mve_requant(r.b, r.mult, r.shift);
            store_2x4(&out0, &out1, finish(a, zero, low, high), finish(b, zero, low, high), left);
        }
    }
}
#endif
