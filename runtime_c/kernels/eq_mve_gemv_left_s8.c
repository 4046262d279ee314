/* eq_mve_gemv_left_s8 - matrix times column with left shifts, MVE: 8 channels at a time. */
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
#define EQ_GEMV_TAIL "8"
#define EQ_GEMV_TABLES 40
#define EQ_GEMV_RAISE(X, W, T)                                                                     \
    "vldrb.s32 " T ", [" W ", #20]\n\t"                                                            \
    "vshl.s32 " X ", " X ", " T "\n\t"
#include "eq_mve_gemv.h"

void eq_mve_gemv_left_s8(const eq_mve_gemm_t *g, const int8_t *col, int8_t *out)
{
    column(g, col, out);
}
#endif
