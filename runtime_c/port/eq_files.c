/* eq_files.c - whole files at once, on top of the port's open, read and write. Any ISA. */
#include "eq_port.h"

size_t eq_port_load(const char *name, void *data, size_t size)
{
    size_t done;
    const int file = eq_port_open(name, 0);
    if (file < 0) {
        eq_port_print("cannot open ");
        eq_port_print(name);
        eq_port_print("\n");
        eq_port_exit(98);
    }
    done = eq_port_read(file, data, size);
    eq_port_close(file);
    return done;
}

void eq_port_save(const char *name, const void *data, size_t size)
{
    const int file = eq_port_open(name, 1);
    if (file < 0) {
        eq_port_exit(98);
    }
    eq_port_write(file, data, size);
    eq_port_close(file);
}
