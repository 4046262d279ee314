/* eq_pad_s8 - constant padding, portable C: runs of fill and of copied values. */
#include <string.h>

#include "eq_ops.h"

static int8_t *fill(int8_t *out, int8_t value, size_t n)
{
    memset(out, value, n);
    return out + n;
}

void eq_pad_s8(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    const size_t out_c = (size_t)p->front + p->in_c + p->back;
    const size_t out_row = out_c * ((size_t)p->left + p->in_w + p->right);
    /* without channel padding, a whole row of the input is one run */
    const int plain = p->front + p->back == 0;
    const size_t runs = plain ? 1 : p->in_w;
    const size_t run = plain ? (size_t)p->in_w * p->in_c : p->in_c;
    out = fill(out, p->value, out_row * p->top);
    for (uint32_t y = 0; y < p->in_h; y++) {
        out = fill(out, p->value, out_c * p->left);
        for (size_t i = 0; i < runs; i++, in += run) {
            out = fill(out, p->value, p->front);
            memcpy(out, in, run);
            out = fill(out + run, p->value, p->back);
        }
        out = fill(out, p->value, out_c * p->right);
    }
    (void)fill(out, p->value, out_row * p->bottom);
}
