/* eq.h - what every file of the edgeq runtime knows: version, status, attributes. Any ISA.
 *
 * The operators (eq_conv.h, eq_dense.h, ...): activations are int8 in NHWC order, batch 1. `shift`
 * follows TensorFlow Lite: positive is left, negative is right. `scratch` is 16-byte aligned and as
 * large as the generator computed for this layer and variant. Input and output overlap only where
 * the generator allowed it. A variant for an ISA has the same parameters and gives the same bytes;
 * its weights may be packed differently (see its file).
 */
#ifndef EQ_H
#define EQ_H

#include <stddef.h>
#include <stdint.h>

/* The generator prints this number into every file; another runtime refuses to compile. */
#define EQ_RUNTIME_VERSION 1

/* What the API boundary returns; kernels are void, the host has proven them. */
typedef enum {
    EQ_OK = 0,
    EQ_ERR_NULL = 1,      /* a pointer is NULL */
    EQ_ERR_ARENA = 2,     /* the arena is too small */
    EQ_ERR_ALIGN = 3,     /* the arena is not aligned to EQ_ARENA_ALIGN bytes */
    EQ_ERR_NOT_INIT = 4,  /* the context was not initialized */
    EQ_ERR_SELFTEST = 5   /* the self-test's output differs from the expected one */
} eq_status_t;

/* An input or output of a model: real = scale * (q - zero), q signed integers of `bits`. */
typedef struct {
    const char *name;
    uint32_t size;   /* elements */
    uint8_t bits;
    uint8_t rank;    /* entries of `shape` that count */
    uint32_t shape[8];
    int32_t zero;
    float scale;     /* data only: the library computes with integers */
} eq_tensor_info_t;

/* A model as data: <name>_info of every generated library. */
typedef struct {
    const char *name;
    uint32_t arena_size;  /* bytes */
    uint32_t macs;
    uint16_t layers;      /* calls of EQ_LAYER_DONE */
    uint8_t inputs, outputs;
    const eq_tensor_info_t *input;
    const eq_tensor_info_t *output;
} eq_model_info_t;

#define EQ_ARENA_ALIGN 16

#if defined(__GNUC__) || defined(__clang__)
#define EQ_ALIGNED(n) __attribute__((aligned(n)))
#else
#define EQ_ALIGNED(n)
#endif

/* Called after layer number `layer` of a model; a profiler defines it on the command line. */
#ifndef EQ_LAYER_DONE
#define EQ_LAYER_DONE(layer) ((void)0)
#endif

#endif
