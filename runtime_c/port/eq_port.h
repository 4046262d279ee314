/* eq_port.h - what a program under QEMU may ask of its host: files, text, marks. Any ISA.
 *
 * A program defines `eq_main`; its result is the exit code. Files are opened relative to the
 * folder that QEMU runs in. No function needs malloc or stdio on the Cortex-M machines.
 */
#ifndef EQ_PORT_H
#define EQ_PORT_H

#include <stddef.h>
#include <stdint.h>

/* The program itself: 0 is success. */
int eq_main(void);

/* Opens `name` for reading (write = 0) or for writing from its start; below 0: it failed. */
int eq_port_open(const char *name, int write);
/* Reads up to `size` bytes; returns how many came. */
size_t eq_port_read(int file, void *data, size_t size);
/* Writes `size` bytes; stops the program with exit code 98 when the host refuses. */
void eq_port_write(int file, const void *data, size_t size);
void eq_port_close(int file);

/* Reads up to `size` bytes of the file `name`; 98 ends the program when there is no such file. */
size_t eq_port_load(const char *name, void *data, size_t size);
/* Makes the file `name` out of `size` bytes. */
void eq_port_save(const char *name, const void *data, size_t size);

/* Prints text. */
void eq_port_print(const char *text);
/* Ends the program at once. */
void eq_port_exit(int code) __attribute__((noreturn));

/* Fills the free stack with a pattern; the second gives the bytes used since then, callers'
 * frames not counted. 0 where the stack is not ours to paint (user mode). */
void eq_port_stack_paint(void);
size_t eq_port_stack_used(void);

/* Marks that the instruction counter sees: no-ops that no compiler emits. They are not counted
 * themselves. Counting runs from START to STOP; LAYER ends one layer and begins the next. */
#if defined(__aarch64__)
#define EQ_COUNT_START() __asm__ volatile("mov x10, x10" ::: "memory")
#define EQ_COUNT_LAYER() __asm__ volatile("mov x9, x9" ::: "memory")
#define EQ_COUNT_STOP() __asm__ volatile("mov x11, x11" ::: "memory")
#elif defined(__arm__)
#define EQ_COUNT_START() __asm__ volatile("mov r10, r10" ::: "memory")
#define EQ_COUNT_LAYER() __asm__ volatile("mov r9, r9" ::: "memory")
#define EQ_COUNT_STOP() __asm__ volatile("mov r11, r11" ::: "memory")
#else
#define EQ_COUNT_START() ((void)0)
#define EQ_COUNT_LAYER() ((void)0)
#define EQ_COUNT_STOP() ((void)0)
#endif

#endif
