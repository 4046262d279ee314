/* eq_posix.c - files, text and exit through POSIX, for user-mode emulation and the host. */
#include "eq_port.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int eq_port_open(const char *name, int write_it)
{
    return write_it ? open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644) : open(name, O_RDONLY);
}

size_t eq_port_read(int file, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = read(file, (char *)data + done, size - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return done;
}

void eq_port_write(int file, const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = write(file, (const char *)data + done, size - done);
        if (n <= 0) {
            eq_port_exit(98);
        }
        done += (size_t)n;
    }
}

void eq_port_close(int file)
{
    (void)close(file);
}

void eq_port_print(const char *text)
{
    eq_port_write(STDERR_FILENO, text, strlen(text));
}

void eq_port_exit(int code)
{
    exit(code);
}

void eq_port_stack_paint(void)
{
}

size_t eq_port_stack_used(void)
{
    return 0;
}

int main(void)
{
    return eq_main();
}
