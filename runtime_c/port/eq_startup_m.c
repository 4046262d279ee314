/* eq_startup_m.c - vector table, memory set-up, FPU and MVE enable, fault report. Cortex-M. */
#include "eq_port.h"

extern uint32_t eq_ld_stack_top[], eq_ld_stack_bottom[];
extern uint32_t eq_ld_data_load[], eq_ld_data_start[], eq_ld_data_end[];
extern uint32_t eq_ld_bss_start[], eq_ld_bss_end[];

void eq_reset(void);
void eq_fault(void);
void eq_fault_report(const uint32_t *frame) __attribute__((noreturn));

typedef union {
    void (*handler)(void);
    uint32_t *stack;
} eq_vector_t;

__attribute__((section(".vectors"), used)) static const eq_vector_t vectors[16] = {
    {.stack = eq_ld_stack_top}, {.handler = eq_reset}, {.handler = eq_fault}, {.handler = eq_fault},
    {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault},
    {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault},
    {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault}, {.handler = eq_fault},
};

static void set_bits(uint32_t address, uint32_t bits)
{
    volatile uint32_t *word = (volatile uint32_t *)address;
    *word |= bits;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void eq_reset(void)
{
    const uint32_t *from = eq_ld_data_load;
    uint32_t *to;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    set_bits(0xE000ED88u, 0xFu << 20); /* CPACR: full access to CP10 and CP11 */
#endif
#if __ARM_ARCH == 6
    set_bits(0xE000ED14u, 1u << 3); /* CCR.UNALIGN_TRP: fault as a real Cortex-M0+ does */
#else
    set_bits(0xE000ED14u, 1u << 4); /* CCR.DIV_0_TRP */
#endif
    for (to = eq_ld_data_start; to < eq_ld_data_end;) {
        *to++ = *from++;
    }
    for (to = eq_ld_bss_start; to < eq_ld_bss_end;) {
        *to++ = 0;
    }
    eq_port_exit(eq_main());
}

static void print_hex(const char *label, uint32_t value)
{
    char text[12];
    int i;
    for (i = 0; i < 8; i++) {
        const uint32_t digit = (value >> (28 - 4 * i)) & 15u;
        text[i] = (char)(digit < 10u ? '0' + digit : 'a' + digit - 10u);
    }
    text[8] = '\n';
    text[9] = '\0';
    eq_port_print(label);
    eq_port_print(text);
}

__attribute__((used)) void eq_fault_report(const uint32_t *frame)
{
    eq_port_print("fault\n");
    print_hex("  CFSR ", *(volatile uint32_t *)0xE000ED28u);
    print_hex("  pc   ", frame[6]);
    print_hex("  lr   ", frame[5]);
    eq_port_exit(99);
}

__attribute__((naked)) void eq_fault(void)
{
    __asm__ volatile("mov r0, sp\n\tbl eq_fault_report");
}

/* The stack is painted from its lowest word to just below the caller's frame. */
#define STACK_PATTERN 0xA5C3F00Du

void eq_port_stack_paint(void)
{
    uint32_t *word = eq_ld_stack_bottom;
    const uint32_t *end = (const uint32_t *)__builtin_frame_address(0) - 16;
    while (word < end) {
        *(volatile uint32_t *)word = STACK_PATTERN;
        word++;
    }
}

size_t eq_port_stack_used(void)
{
    const uint32_t *word = eq_ld_stack_bottom;
    const uint32_t *end = (const uint32_t *)__builtin_dwarf_cfa(); /* the caller's stack pointer */
    while (word < end && *(const volatile uint32_t *)word == STACK_PATTERN) {
        word++;
    }
    return (size_t)(end - word) * sizeof *word;
}
