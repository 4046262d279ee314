/* eq_pad_s8_neon - constant padding, NEON: short runs of fill and of copied values without calls. */
#include "eq_neon.h"

#if defined(__ARM_NEON)

static inline int8_t *fill(int8_t *out, int8_t value, int32_t n)
{
    eq_neon_fill_long(out, value, n);
    return out + n;
}

void eq_pad_s8_neon(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    const int32_t out_c = p->front + p->in_c + p->back;
    const int32_t out_row = out_c * (p->left + p->in_w + p->right);
    const int32_t plain = p->front + p->back == 0;  /* a whole row of the input is one run */
    const int32_t runs = plain ? 1 : p->in_w, run = plain ? p->in_w * p->in_c : p->in_c;
    out = fill(out, p->value, out_row * p->top);
    for (int32_t y = p->in_h; y > 0; y--) {
        out = fill(out, p->value, out_c * p->left + p->front);
        for (int32_t i = runs; i > 0; i--, in += run, out += run) {
            eq_neon_copy_long(out, in, run);
            if (i > 1) {
                fill(out + run, p->value, p->back + p->front);
                out += p->back + p->front;
            }
        }
        out = fill(out, p->value, p->back + out_c * p->right);
    }
    fill(out, p->value, out_row * p->bottom);
}

#endif
