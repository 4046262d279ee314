/* eq_mve_gemv_s16 - matrix times 16-bit column, int8 weights, MVE: 8 channels at a time. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_GEMV_LOAD "vldrb.s16"
#define EQ_GEMV_BY "8"
#define EQ_GEMV_STEP_WEIGHTS 32
#define EQ_GEMV_START "vmladav.s16"
#define EQ_GEMV_GO_ON "vmladava.s16"
#define EQ_GEMV_SCALE "vqdmulh.s32"
#define EQ_GEMV_ROUND(X, T, S) ""
#define EQ_GEMV_STORE "vstrh.32"
#define EQ_GEMV_SIZE 2
#define EQ_GEMV_FOUR "8"
#include "eq_mve_gemv.h"

void eq_mve_gemv_s16(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out)
{
    column(g, col, out);
}
#endif
