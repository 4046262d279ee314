/* eq_dense_s16_v7m - dense layer with 16-bit activations: 2 channels a load, sums of 32 bits. ARMv7-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'
#include <stdint.h>

/* sums[c] = sum of x[i] * w[2 * i + c]. */
static __attribute__((noinline)) void eq_dot2_s16(const int16_t *x, const int8_t *w, int32_t n, int32_t sums[2])
{
    int32_t a = 0, b = 0;
    for (const int16_t *const end = x + n; x != end; x++, w += 2) {
        a += *x * w[0];
        b += *x * w[1];
    }
    sums[0] = a;
    sums[1] = b;
}

#include "eq_dense_m_s16.h"

void eq_dense_s16_v7m(const eq_dense_s16_t *p, const int16_t *restrict in, int16_t *restrict out,
                      void *restrict scratch)
{
    (void)scratch;
    eq_dense_m_s16(p, in, out);
}
#endif
