/* eq_bytes4.h - what follows from the words of eq_bytes4_<isa>.h, which includes it. ARMv7-M. */
#ifndef EQ_BYTES4_H
#define EQ_BYTES4_H

/* One int8 four times. */
static inline uint32_t eq_four_of(int32_t x)
{
    return 0x01010101u * (uint8_t)x;
}

#endif
