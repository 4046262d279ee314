/* eq_select_s8 - one of two operands by a condition, all of which may repeat, portable C. */
#include "eq_elementwise.h"

static int8_t through(const int8_t *table, int8_t x)
{
    return table == 0 ? x : table[(uint8_t)x];
}

void eq_select_s8(const eq_select_s8_t *p, const int8_t *c, const int8_t *a, const int8_t *b,
                  int8_t *restrict out)
{
    for (uint32_t i = 0; i < p->n0; i++) {
        for (uint32_t j = 0; j < p->n1; j++) {
            for (uint32_t k = 0; k < p->n2; k++) {
                const int8_t *pc = c + i * p->c0 + j * p->c1 + k * p->c2;
                const int8_t *pa = a + i * p->a0 + j * p->a1 + k * p->a2;
                const int8_t *pb = b + i * p->b0 + j * p->b1 + k * p->b2;
                for (uint32_t l = 0; l < p->n3; l++, pc += p->c3, pa += p->a3, pb += p->b3) {
                    *out++ = *pc != p->c_zero ? through(p->a_table, *pa) : through(p->b_table, *pb);
                }
            }
        }
    }
}
