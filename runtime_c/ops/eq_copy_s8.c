/* eq_copy_s8 - copies blocks between strided places, requantizing through a table, portable C. */
#include <string.h>

#include "eq_ops.h"

void eq_copy_s8(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    in += p->in_offset;
    out += p->out_offset;
    for (uint32_t o = 0; o < p->outer; o++, in += p->in_stride, out += p->out_stride) {
        if (p->table == 0) {
            memcpy(out, in, p->chunk);
        } else {
            for (uint32_t i = 0; i < p->chunk; i++) {
                out[i] = p->table[(uint8_t)in[i]];
            }
        }
    }
}
