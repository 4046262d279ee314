/* eq_matmul_dyn_s16 - product of two 16-bit activations narrowed to 8 at run time, portable C. */
#include "eq_dot4.h"
#include "eq_matmul_dyn.h"

void eq_matmul_dyn_s16(const eq_matmul_s16_t *p, const int16_t *restrict a,
                       const int16_t *restrict b, int16_t *restrict out, void *restrict scratch)
{
    eq_matmul_dyn_all(p, a, b, out, scratch);
}
