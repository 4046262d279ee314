/* semihost.c - text and exit through the debugger (Arm semihosting, BKPT 0xAB). */
#include "semihost.h"

#include <stdint.h>

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };

static void call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void semihost_print(const char *text)
{
    call(SYS_WRITE0, text);
}

void semihost_print_int(int value)
{
    char text[12];
    char *at = text + sizeof text - 1;
    unsigned rest = value < 0 ? 0u - (unsigned)value : (unsigned)value;

    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10u);
        rest /= 10u;
    } while (rest != 0u);
    if (value < 0) {
        *--at = '-';
    }
    semihost_print(at);
}

void semihost_exit(int status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};

    call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
