/* eq_mve_gemv_s8 - matrix times column, MVE: 8 channels at a time. */
#include "eq_mve_gemm.h"

#if defined(__ARM_FEATURE_MVE)
#define EQ_GEMV_LOAD "vldrb.8"
#define EQ_GEMV_BY "16"
#define EQ_GEMV_STEP_WEIGHTS 64
#define EQ_GEMV_START "vmladav.s8"
#define EQ_GEMV_GO_ON "vmladava.s8"
#define EQ_GEMV_SCALE "vqrdmulh.s32"
#define EQ_GEMV_ROUND(X, T, S) EQ_MVE_AWAY(X, T, S)
#define EQ_GEMV_STORE "vstrb.32"
#define EQ_GEMV_SIZE 1
#define EQ_GEMV_FOUR "4"
#include "eq_mve_gemv.h"

void eq_mve_gemv_s8(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out)
{
    column(g, col, out);
}
#endif
