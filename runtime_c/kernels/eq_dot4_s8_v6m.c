/* eq_dot4_s8_v6m - one channel of four pixels for right shifts of 1 or more. ARMv6-M. */
#if defined(__ARM_ARCH) && __ARM_ARCH >= 6 && __ARM_ARCH_PROFILE == 'M'
#define EQ_DOT4_FINISH(acc) EQ_FINISH_V6M(acc)
#include "eq_dot4_v6m.h"

__attribute__((naked)) void eq_dot4_s8_v6m(__attribute__((unused)) const uint32_t *x,
                                           __attribute__((unused)) const int8_t *w,
                                           __attribute__((unused)) int32_t quads,
                                           __attribute__((unused)) const eq_four_v6m_t *to)
{
    EQ_DOT4_BODY
}
#endif
