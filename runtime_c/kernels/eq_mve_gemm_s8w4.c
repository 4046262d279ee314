/* eq_mve_gemm_s8w4 - matrix product with 4-bit weights, MVE: 2 columns x 4 channels in 8 scalars,
 * 16 instructions for 128 multiplications. */
#include "eq_mve_w4.h"

#if defined(__ARM_FEATURE_MVE)
/* 16 taps of two channels: even to E0, E1, odd to O0, O1. */
#define TWO(MLA, E0, E1, O0, O1)                                                                   \
    "vldrb.8 %q[u], [%[w]], #16\n\t"                                                               \
    "vshl.i8 %q[v], %q[u], #4\n\t" MLA " " E0 ", %q[a], %q[v]\n\t"                                 \
    "vand %q[u], %q[u], %q[odd]\n\t" MLA " " E1 ", %q[b], %q[v]\n\t"                               \
    MLA " " O0 ", %q[a], %q[u]\n\t" MLA " " O1 ", %q[b], %q[u]\n\t"

#define EQ_PAIR_STEP_BYTES 64u
#define EQ_PAIR_STEP(MLA)                                                                          \
    "vldrb.8 %q[a], [%[x0]], #16\n\t"                                                              \
    "vldrb.8 %q[b], [%[x1]], #16\n\t"                                                              \
    TWO(MLA, "r0", "r8", "r2", "r10") TWO(MLA, "r4", "r12", "r6", "lr")
#define EQ_PAIR_START "vmladav.s8"
#define EQ_PAIR_GO_ON "vmladava.s8"
#define EQ_PAIR_ALSO , [odd] "w"(vdupq_n_u8(0xF0))
#define EQ_PAIR_SHRINK(X) "vshr.s32 " X ", " X ", #4\n\t"
#define EQ_PAIR_SCALE "vqrdmulh.s32"
#define EQ_PAIR_ROUND(X, T, S) EQ_MVE_AWAY(X, T, S)
#define EQ_PAIR_STORE "vstrbt.32"
#define EQ_PAIR_FOUR "4"
#define EQ_PAIR_LAST eq_mve_gemv_s8w4
#include "eq_mve_gemm_pair.h"

void eq_mve_gemm_s8w4(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                      int8_t *out)
{
    product(g, cols, stride, pixels, out);
}
#endif
