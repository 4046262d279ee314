"""The stack bound: hand-written assembly, recursion and pointers, against the painted stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.board import load_board
from edgeq.target import CompileJob, build_image
from edgeq.target.disassembly import disassemble
from edgeq.target.qemu import run_image
from edgeq.target.stack import stack_bound
from edgeq.target.toolchain import port_dir

PROGRAM = """
#include "eq_port.h"
typedef uint32_t (*function_t)(uint32_t);
void by_hand(void);
uint32_t root(uint32_t n);
uint32_t again(uint32_t n);
uint32_t through(function_t f);
__attribute__((naked, noinline)) void by_hand(void)
{
    __asm__ volatile("push {r4-r7, lr}\\n\\tsub sp, #100\\n\\tadd sp, #100\\n\\tpop {r4-r7, pc}");
}
__attribute__((noinline)) uint32_t root(uint32_t n)
{
    volatile uint32_t space[50];
    space[n] = n;
    by_hand();
    return space[n];
}
__attribute__((noinline)) uint32_t again(uint32_t n)
{
    volatile uint32_t here = n;
    return n == 0 ? 0 : again(n - 1) ^ (here * n);
}
__attribute__((noinline)) uint32_t through(function_t f) { return f(3) + 1; }
int eq_main(void)
{
    uint32_t used;
    eq_port_stack_paint();
    (void)root(3);
    used = (uint32_t)eq_port_stack_used();
    (void)again(3);
    (void)through(root);
    eq_port_save("out.bin", &used, sizeof used);
    return 0;
}
"""


@pytest.mark.qemu
@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("compiler", [None, "clang"])
def test_bound(name: str, compiler: str | None, tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text(PROGRAM)
    board = load_board(name)
    job = CompileJob((source,), (port_dir(),), cflags=("-fno-inline",), compiler=compiler)
    image = build_image(board, [job], tmp_path)
    assert run_image(board, image.elf, tmp_path, 60.0).exit_code == 0
    used = int.from_bytes((tmp_path / "out.bin").read_bytes(), "little")
    code = disassemble(board, image.elf)
    bound = stack_bound(code, image.objects, "root")
    assert bound is not None
    assert 200 + 20 <= used <= bound <= 200 + 20 + 100 + 40
    assert bound >= 200 + 20 + 100
    assert stack_bound(code, image.objects, "again") is None
    assert stack_bound(code, image.objects, "through") is None
    assert stack_bound(code, image.objects, "nowhere") is None
