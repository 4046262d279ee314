/* eq_semihost.c - files, text and exit through Arm semihosting (BKPT 0xAB). Cortex-M. */
#include "eq_port.h"

enum {
    SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE0 = 0x04, SYS_WRITE = 0x05, SYS_READ = 0x06,
    SYS_EXIT_EXTENDED = 0x20
};
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026 };

static int semihost(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t length_of(const char *text)
{
    uint32_t n = 0;
    while (text[n] != '\0') {
        __asm__ volatile(""); /* stays a loop: no strlen from a C library in the image */
        n++;
    }
    return n;
}

int eq_port_open(const char *name, int write)
{
    const uint32_t block[3] = {
        (uint32_t)name, write ? MODE_WRITE_BINARY : MODE_READ_BINARY, length_of(name)
    };
    return semihost(SYS_OPEN, block);
}

size_t eq_port_read(int file, void *data, size_t size)
{
    const uint32_t block[3] = {(uint32_t)file, (uint32_t)data, (uint32_t)size};
    return size - (size_t)semihost(SYS_READ, block);
}

void eq_port_write(int file, const void *data, size_t size)
{
    const uint32_t block[3] = {(uint32_t)file, (uint32_t)data, (uint32_t)size};
    if (semihost(SYS_WRITE, block) != 0) {
        eq_port_exit(98);
    }
}

void eq_port_close(int file)
{
    const uint32_t block[1] = {(uint32_t)file};
    (void)semihost(SYS_CLOSE, block);
}

void eq_port_print(const char *text)
{
    (void)semihost(SYS_WRITE0, text);
}

void eq_port_exit(int code)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        (void)semihost(SYS_EXIT_EXTENDED, block);
    }
}
