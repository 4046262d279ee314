/* eq_mve_gemm_left_s8 - matrix product with left shifts, MVE: 2 columns x 4 channels at a time. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_PAIR_STEP(MLA) EQ_PAIR_PLAIN_STEP(MLA, "vldrb.8", "16")
#define EQ_PAIR_STEP_BYTES EQ_PAIR_PLAIN_STEP_BYTES
#define EQ_PAIR_START "vmladav.s8"
#define EQ_PAIR_GO_ON "vmladava.s8"
#define EQ_PAIR_ALSO
#define EQ_PAIR_SHRINK(X) ""
#define EQ_PAIR_SCALE "vqrdmulh.s32"
#define EQ_PAIR_ROUND(X, T, S) EQ_MVE_AWAY(X, T, S)
#define EQ_PAIR_STORE "vstrbt.32"
#define EQ_PAIR_FOUR "4"
#define EQ_PAIR_LAST eq_mve_gemv_left_s8
#define EQ_PAIR_TAIL "8"
#define EQ_PAIR_RAISE                                                                              \
    "vldrb.s32 %q[u], [%[w], #20]\n\t"                                                             \
    "vshl.s32 %q[a], %q[a], %q[u]\n\t"                                                             \
    "vshl.s32 %q[b], %q[b], %q[u]\n\t"
#include "eq_mve_gemm_pair.h"

void eq_mve_gemm_left_s8(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                         int8_t *out)
{
    product(g, cols, stride, pixels, out);
}
#endif
