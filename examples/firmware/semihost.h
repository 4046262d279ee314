/* semihost.h - text and exit through the debugger. */
#ifndef SEMIHOST_H
#define SEMIHOST_H

void semihost_print(const char *text);
void semihost_print_int(int value);
void semihost_exit(int status) __attribute__((noreturn));

#endif
