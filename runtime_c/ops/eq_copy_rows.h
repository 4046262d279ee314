/* eq_copy_rows.h - the copy of strided blocks over eq_bytes.h's functions, any ISA. */
#ifndef EQ_COPY_ROWS_H
#define EQ_COPY_ROWS_H

#include "eq_move.h"

static inline void eq_copy_rows(const eq_copy_s8_t *p, const int8_t *restrict in,
                                int8_t *restrict out)
{
    const uint32_t chunk = p->chunk, in_stride = p->in_stride, out_stride = p->out_stride;
    const int8_t *table = p->table;
    in += p->in_offset;
    out += p->out_offset;
    if (table == 0) {
        for (uint32_t o = p->outer; o > 0; o--, in += in_stride, out += out_stride) {
            eq_bytes_copy(out, in, chunk);
        }
    } else {
        for (uint32_t o = p->outer; o > 0; o--, in += in_stride, out += out_stride) {
            eq_bytes_look_up(out, in, chunk, table);
        }
    }
}

#endif
