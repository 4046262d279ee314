/* eq_copy_s8_neon - copies blocks between strided places, requantizing through a table, NEON: short
 * runs without calls, TBL for the table. */
#include "eq_move.h"
#include "eq_neon_lut.h"

#if defined(__ARM_NEON)

#if defined(__aarch64__)
enum { LONG = 256 };  /* bytes from which memcpy is the better one */
#else
enum { LONG = 16 };
#endif

EQ_NEON_APART static void mapped(const eq_copy_s8_t *p, const int8_t *in, int8_t *out)
{
    for (uint32_t o = 0; o < p->outer; o++, in += p->in_stride, out += p->out_stride) {
        eq_neon_map(p->table, in, (int32_t)p->chunk, out);
    }
}

void eq_copy_s8_neon(const eq_copy_s8_t *p, const int8_t *restrict in, int8_t *restrict out)
{
    in += p->in_offset;
    out += p->out_offset;
    if (p->table != 0) {
        mapped(p, in, out);
        return;
    }
    for (uint32_t o = 0; o < p->outer; o++, in += p->in_stride, out += p->out_stride) {
        if (p->chunk >= LONG) {
            memcpy(out, in, p->chunk);
        } else {
            eq_neon_copy_long(out, in, (int32_t)p->chunk);
        }
    }
}

#endif
