/* eq_sums4.h - sums of int8 over eq_bytes4_<isa>.h, which is included first. ARMv7-M.
 *
 * Functions of their own: inlined, compilers keep the sums of 32 bits in registers, and spill the
 * pointer of the inner loop. */
#ifndef EQ_SUMS4_H
#define EQ_SUMS4_H

/* Adds n values of four channels to acc; values lie `step` apart. */
static __attribute__((noinline)) void eq_sum4(const int8_t *x, int32_t n, int32_t step,
                                              int32_t acc[4])
{
    for (; n > 0; n -= 256) {
        eq_sums4_t s = {0, 0};
        const int32_t part = n < 256 ? n : 256;
        for (int32_t i = part; i > 0; i--, x += step) {
            s = eq_add4(s, eq_load4(x));
        }
        eq_spill4(s, part, acc);
    }
}

/* The same for eight channels. */
static __attribute__((noinline)) void eq_sum8(const int8_t *x, int32_t n, int32_t step,
                                              int32_t acc[8])
{
    for (; n > 0; n -= 256) {
        eq_sums4_t s = {0, 0}, t = {0, 0};
        const int32_t part = n < 256 ? n : 256;
        for (int32_t i = part; i > 0; i--, x += step) {
            s = eq_add4(s, eq_load4(x));
            t = eq_add4(t, eq_load4(x + 4));
        }
        eq_spill4(s, part, acc);
        eq_spill4(t, part, acc + 4);
    }
}

#endif
