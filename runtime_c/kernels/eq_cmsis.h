/* eq_cmsis.h - parameters for CMSIS-NN out of ours, shared by the eq_*_cmsis.c adapters. Any
 * Cortex-M. CMSIS-NN itself is the user's own checkout: nothing of it is here. */
#ifndef EQ_CMSIS_H
#define EQ_CMSIS_H

#include "arm_nnfunctions.h"
#include "eq.h"

/* What lies behind the weights, on the next multiple of 4 bytes: int32 bias (input zero point not
 * folded in), multiplier and shift of every output channel. */
typedef struct {
    const int32_t *bias;
    cmsis_nn_per_channel_quant_params quant;
} eq_cmsis_tables_t;

/* CMSIS-NN reads these tables through pointers that are not const. */
static inline int32_t *eq_cmsis_unconst(const int32_t *table)
{
    return (int32_t *)(uintptr_t)table;
}

static inline eq_cmsis_tables_t eq_cmsis_tables(const int8_t *weights, int32_t n_weights,
                                                int32_t out_c)
{
    const void *behind = weights + ((n_weights + 3) & ~3);
    const int32_t *bias = behind;
    eq_cmsis_tables_t t;
    t.bias = bias;
    t.quant.multiplier = eq_cmsis_unconst(bias + out_c);
    t.quant.shift = eq_cmsis_unconst(bias + 2 * out_c);
    return t;
}

static inline cmsis_nn_dims eq_cmsis_dims(int32_t n, int32_t h, int32_t w, int32_t c)
{
    cmsis_nn_dims d;
    d.n = n;
    d.h = h;
    d.w = w;
    d.c = c;
    return d;
}

static inline cmsis_nn_tile eq_cmsis_tile(int32_t h, int32_t w)
{
    cmsis_nn_tile t;
    t.w = w;
    t.h = h;
    return t;
}

static inline cmsis_nn_activation eq_cmsis_range(int32_t min, int32_t max)
{
    cmsis_nn_activation a;
    a.min = min;
    a.max = max;
    return a;
}

/* Scratch whose size the generator knows; CMSIS-NN looks at the pointer only. */
static inline cmsis_nn_context eq_cmsis_context(void *scratch)
{
    cmsis_nn_context c;
    c.buf = scratch;
    c.size = 0;
    return c;
}

#endif
