/* eq_dense_dyn_s16 - dense layer on 16-bit rows narrowed to 8 at run time, portable C. */
#include "eq_dot4.h"
#include "eq_dense_dyn.h"

void eq_dense_dyn_s16(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch)
{
    eq_dense_dyn_all(p, in, out, scratch);
}
