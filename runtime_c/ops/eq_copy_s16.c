/* eq_copy_s16 - strided copy of 16-bit activations to other steps, portable C. */
#include "eq_move.h"
#include "eq_requant.h"

void eq_copy_s16(const eq_copy_s16_t *p, const int16_t *restrict in, int16_t *restrict out)
{
    out += p->out_offset;
    for (uint32_t o = 0; o < p->outer; o++, in += p->chunk, out += p->out_stride) {
        for (uint32_t i = 0; i < p->chunk; i++) {
            out[i] = (int16_t)eq_clamp(eq_requant(in[i], p->mult, p->shift), INT16_MIN, INT16_MAX);
        }
    }
}
