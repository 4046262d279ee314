/* eq_gru_s8 - GRU with an int16 state, portable C. */
#include "eq_gate_rows.h"
#include "eq_gru.h"

void eq_gru_s8(const eq_gru_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch)
{
    eq_gru_steps(p, in, out, scratch);
}
