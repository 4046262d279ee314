/* eq_pad_s8 - constant padding, portable C. */
#include "eq_bytes.h"

#include "eq_pad_rows.h"

void eq_pad_s8(const eq_pad_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_pad_rows(p, in, out);
}
