/* main.c - the smallest program around branches: feed one input, run, print the output. Portable C. */
#include <stdio.h>

#include "branches.h"

static EQ_ALIGNED(EQ_ARENA_ALIGN) uint8_t arena[branches_ARENA_SIZE];

int main(void)
{
    branches_t model;

    if (branches_init(&model, arena, sizeof arena) != EQ_OK) {
        printf("branches: the arena does not fit\n");
        return 1;
    }
    int8_t *in = branches_input(&model);  /* write before every run */
    for (int i = 0; i < branches_INPUT_SIZE; i++) {
        in[i] = branches_INPUT_ZERO;  /* your sample: the zero point stands for 0.0 */
    }
    int8_t *in_1 = branches_input_1(&model);  /* write before every run */
    for (int i = 0; i < branches_INPUT_1_SIZE; i++) {
        in_1[i] = branches_INPUT_1_ZERO;  /* your sample: the zero point stands for 0.0 */
    }
    if (branches_run(&model) != EQ_OK) {
        return 1;
    }
    const int8_t *out = branches_output(&model);
    for (int i = 0; i < branches_OUTPUT_SIZE; i++) {
        printf("logistic_4_y[%d] = %d\n", i, (int)out[i]);
    }
    const int8_t *out_1 = branches_output_1(&model);
    for (int i = 0; i < branches_OUTPUT_1_SIZE; i++) {
        printf("conv_5_y[%d] = %d\n", i, (int)out_1[i]);
    }
    return 0;
}
