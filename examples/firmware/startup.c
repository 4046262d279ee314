/* startup.c - vector table and reset handler for the Cortex-M55 of mps3-an547. */
#include <stdint.h>

extern uint32_t _stack_top[], _data_load[], _data_start[], _data_end[], _bss_start[], _bss_end[];

int main(void);
void reset_handler(void);
void fault_handler(void);
void semihost_exit(int status) __attribute__((noreturn));

#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88u)

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[] = {
    {.stack = _stack_top},
    {.handler = reset_handler},
    {.handler = fault_handler}, /* NMI */
    {.handler = fault_handler}, /* hard fault */
    {.handler = fault_handler}, /* memory management */
    {.handler = fault_handler}, /* bus fault */
    {.handler = fault_handler}, /* usage fault */
};

void reset_handler(void)
{
    const uint32_t *from = _data_load;

    SCB_CPACR |= 0xFu << 20; /* Helium and the FPU: full access to CP10 and CP11 */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    for (uint32_t *to = _data_start; to < _data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = _bss_start; to < _bss_end;) {
        *to++ = 0;
    }
    semihost_exit(main());
}

void fault_handler(void)
{
    semihost_exit(99);
}
