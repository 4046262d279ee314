/* main.c - the smallest program around chain: feed one input, run, print the output. Portable C. */
#include <stdio.h>

#include "chain.h"

static EQ_ALIGNED(EQ_ARENA_ALIGN) uint8_t arena[chain_ARENA_SIZE];

int main(void)
{
    chain_t model;

    if (chain_init(&model, arena, sizeof arena) != EQ_OK) {
        printf("chain: the arena does not fit\n");
        return 1;
    }
    int8_t *in = chain_input(&model);  /* write before every run */
    for (int i = 0; i < chain_INPUT_SIZE; i++) {
        in[i] = chain_INPUT_ZERO;  /* your sample: the zero point stands for 0.0 */
    }
    if (chain_run(&model) != EQ_OK) {
        return 1;
    }
    const int8_t *out = chain_output(&model);
    for (int i = 0; i < chain_OUTPUT_SIZE; i++) {
        printf("softmax_4_y[%d] = %d\n", i, (int)out[i]);
    }
    return 0;
}
