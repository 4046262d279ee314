/* eq_pad_rows.h - constant padding over eq_bytes.h's functions, any ISA: runs of fill and copies.
 *
 * What lies between two copied runs is one fill: right border, left border of the next row. */
#ifndef EQ_PAD_ROWS_H
#define EQ_PAD_ROWS_H

#include "eq_move.h"

static inline void eq_pad_rows(const eq_pad_s8_t *p, const int8_t *restrict in,
                               int8_t *restrict out)
{
    const uint32_t front = p->front, back = p->back, out_c = front + p->in_c + back;
    const uint32_t row = out_c * ((uint32_t)p->left + p->in_w + p->right);
    const uint32_t sides = out_c * ((uint32_t)p->left + p->right);
    /* without channel padding, a whole row of the input is one run */
    const uint32_t runs = front + back == 0 ? 1 : p->in_w;
    const uint32_t run = front + back == 0 ? (uint32_t)p->in_w * p->in_c : p->in_c;
    uint32_t fill = row * p->top + out_c * p->left + front;
    for (uint32_t y = p->in_h; y > 0; y--) {
        for (uint32_t i = runs; i > 0; i--) {
            eq_bytes_fill(out, p->value, fill);
            out += fill;
            eq_bytes_copy(out, in, run);
            out += run;
            in += run;
            fill = back + front;
        }
        fill += sides;
    }
    eq_bytes_fill(out, p->value, row * p->bottom + out_c * p->right + back);
}

#endif
