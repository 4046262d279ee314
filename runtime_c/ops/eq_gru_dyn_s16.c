/* eq_gru_dyn_s16 - GRU on 16-bit vectors narrowed to 8 at run time, portable C. */
#include "eq_dot4.h"
#include "eq_gru_dyn.h"

void eq_gru_dyn_s16(const eq_gru_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                    void *restrict scratch)
{
    eq_gru_dyn_steps(p, in, out, scratch);
}
