/* eq_mve_gemm_s16 - matrix product of 16-bit columns and int8 weights, MVE: 2 columns x 4
 * channels, sums of 32 bits, 14 instructions for 64 multiplications. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_PAIR_STEP(MLA) EQ_PAIR_PLAIN_STEP(MLA, "vldrb.s16", "8")
#define EQ_PAIR_STEP_BYTES EQ_PAIR_PLAIN_STEP_BYTES
#define EQ_PAIR_START "vmladav.s16"
#define EQ_PAIR_GO_ON "vmladava.s16"
#define EQ_PAIR_ALSO
#define EQ_PAIR_SHRINK(X) ""
#define EQ_PAIR_SCALE "vqdmulh.s32"
#define EQ_PAIR_ROUND(X, T, S) ""
#define EQ_PAIR_STORE "vstrht.32"
#define EQ_PAIR_FOUR "8"
#define EQ_PAIR_LAST eq_mve_gemv_s16
#include "eq_mve_gemm_pair.h"

void eq_mve_gemm_s16(const eq_mve_gemm_t *g, const int8_t *cols, int32_t stride, int32_t pixels,
                     int8_t *out)
{
    product(g, cols, stride, pixels, out);
}
#endif
