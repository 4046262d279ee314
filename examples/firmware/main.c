/* main.c - reads handwritten digits with the library that edgeq generated into digits/. */
#include <stdint.h>

#include "digits.h"
#include "samples.h"
#include "semihost.h"

static EQ_ALIGNED(EQ_ARENA_ALIGN) uint8_t arena[digits_ARENA_SIZE];

/* Ink 0..16 -> the integer that the network takes: q = ink / SCALE + ZERO, computed by compiler. */
#define Q(ink) (int8_t)(digits_INPUT_ZERO + (int)((float)(ink) / digits_INPUT_SCALE + 0.5f) > 127 \
    ? 127 : digits_INPUT_ZERO + (int)((float)(ink) / digits_INPUT_SCALE + 0.5f))
static const int8_t ink_to_q[17] = {
    Q(0), Q(1), Q(2), Q(3), Q(4), Q(5), Q(6), Q(7), Q(8),
    Q(9), Q(10), Q(11), Q(12), Q(13), Q(14), Q(15), Q(16),
};

static void draw(const uint8_t *ink)
{
    for (int y = 0; y < 8; y++) {
        char row[20];
        for (int x = 0; x < 8; x++) {
            row[2 * x] = row[2 * x + 1] = " .:-=+*#@"[ink[8 * y + x] / 2];
        }
        row[16] = '\n';
        row[17] = '\0';
        semihost_print(row);
    }
}

static int best_of(const int8_t *scores)
{
    int best = 0;
    for (int i = 1; i < digits_OUTPUT_SIZE; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    return best;
}

int main(void)
{
    digits_t model;
    int right = 0;

    if (digits_init(&model, arena, sizeof arena) != EQ_OK) {
        semihost_print("the arena does not fit\n");
        return 1;
    }
    for (int n = 0; n < SAMPLES; n++) {
        int8_t *in = digits_input(&model);
        for (int i = 0; i < digits_INPUT_SIZE; i++) {
            in[i] = ink_to_q[sample_ink[n][i]];
        }
        if (digits_run(&model) != EQ_OK) {
            return 1;
        }
        const int8_t *out = digits_output(&model);
        const int guess = best_of(out);

        if (n == 0) {
            draw(sample_ink[n]);
        }
        semihost_print("written ");
        semihost_print_int(sample_digit[n]);
        semihost_print(", read ");
        semihost_print_int(guess);
        semihost_print(", sure by ");
        semihost_print_int((out[guess] - digits_OUTPUT_ZERO) * 100 / 256);
        semihost_print(" %\n");
        right += guess == sample_digit[n];
    }
    semihost_print_int(right);
    semihost_print(" of ");
    semihost_print_int(SAMPLES);
    semihost_print(" digits read right, arena ");
    semihost_print_int(digits_ARENA_SIZE);
    semihost_print(" bytes\n");
    return right * 10 >= SAMPLES * 9 ? 0 : 1;
}
