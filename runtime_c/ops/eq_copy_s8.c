/* eq_copy_s8 - copies blocks between strided places, requantizing through a table, portable C. */
#include "eq_bytes.h"

#include "eq_copy_rows.h"

void eq_copy_s8(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    eq_copy_rows(p, in, out);
}
