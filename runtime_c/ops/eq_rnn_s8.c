/* eq_rnn_s8 - plain recurrent layer, portable C. */
#include "eq_gate_rows.h"
#include "eq_rnn.h"

void eq_rnn_s8(const eq_rnn_s8_t *p, const int8_t *restrict in, int8_t *restrict out,
               void *restrict scratch)
{
    eq_rnn_steps(p, in, out, scratch);
}
