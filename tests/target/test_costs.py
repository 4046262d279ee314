"""Kinds of instructions and the cost model, on code small enough to add up by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgeq.board import load_board
from edgeq.target import CompileJob, build_image
from edgeq.target.costs import costs_of, estimate_cycles
from edgeq.target.disassembly import Instruction, Kind, disassemble
from edgeq.target.toolchain import port_dir


def program(*rows: tuple[Kind, int, bool, bool]) -> dict[int, Instruction]:
    return {2 * i: Instruction(2 * i, 2 * i + 2, "f", kind, units, conditional, uses, "")
            for i, (kind, units, conditional, uses) in enumerate(rows)}


@pytest.mark.parametrize(("cpu", "cycles"), [
    # 10 times: ldr, mla of what it brings, bne; taken 9 times; then pop of 3 and a return
    ("cortex-m4", 10 * (2 + 1 + 1) + 9 * 2 + (1 + 3) + (1 + 2)),
    ("cortex-m3", 10 * (2 + 2 + 1) + 9 * 2 + (1 + 3) + (1 + 2)),
    ("cortex-m55", 10 * (1 + 1 + 1 + 1) + 9 * 2 + (1 + 3) + (1 + 2)),
])
def test_cycles_of_a_loop(cpu: str, cycles: float) -> None:
    code = program((Kind.LOAD, 1, False, False), (Kind.MLA, 1, False, True),
                   (Kind.BRANCH, 1, True, False), (Kind.MULTI, 3, False, False),
                   (Kind.CALL, 1, False, False))
    costs = costs_of(cpu)
    assert costs is not None
    times = Counter({0: 10, 2: 10, 4: 10, 6: 1, 8: 1})
    assert estimate_cycles(costs, code, times) == cycles


def test_helium_and_gathers() -> None:
    code = program((Kind.VECTOR_LOAD, 1, False, False), (Kind.VECTOR_MUL, 1, False, False),
                   (Kind.GATHER, 16, False, False), (Kind.LOOP_END, 1, False, False))
    costs = costs_of("cortex-m55")
    assert costs is not None
    # a load, a product and a gather overlap by a cycle each
    assert estimate_cycles(costs, code, Counter({0: 5, 2: 5, 4: 5, 6: 5})) == 5 * (2 + 1 + 15)
    same = program(*((Kind.VECTOR_LOAD, 1, False, False),) * 3)
    assert estimate_cycles(costs, same, Counter({0: 5, 2: 5, 4: 5})) == 5 * 6


def test_unknown_core_has_no_costs() -> None:
    assert costs_of("cortex-m99") is None


MVE = """
    vldrw.u32 q0, [r0], #16
    vldrb.u8 q1, [r0, q2]
    vldrb.u32 q1, [r0, q2]
    vmladava.s8 r2, q0, q1
    vqrdmulh.s32 q0, q0, q1
    vadd.i32 q0, q0, q1
    vstrb.8 q0, [r1], #16
    smlad r0, r1, r2, r3
    smull r0, r1, r2, r3
    mul r0, r1, r2
    udiv r0, r1, r2
    ldr r4, [r0]
    add r5, r4, r4
    ldmia r0!, {r4-r7, r9}
    pop {r4, pc}
    cbz r0, 1f
    b 1f
    bx lr
1:  dls lr, r0
    le lr, 1b
"""
A64 = """
    ldr q0, [x0], #16
    ldr w4, [x1]
    sdot v0.4s, v1.16b, v2.4b[0]
    sqrdmulh v0.4s, v0.4s, v1.4s
    add v0.4s, v0.4s, v1.4s
    str q0, [x1]
    madd x0, x1, x2, x3
    mul w0, w1, w2
    sdiv w0, w1, w2
    cbz x0, 1f
1:  b.ne 1b
    ret
"""
M = (Kind.VECTOR_LOAD, Kind.GATHER, Kind.GATHER, Kind.VECTOR_MUL, Kind.VECTOR_MUL, Kind.VECTOR,
     Kind.VECTOR_STORE, Kind.MLA, Kind.LONG_MUL, Kind.MUL, Kind.DIV, Kind.LOAD, Kind.ALU,
     Kind.MULTI, Kind.CALL, Kind.BRANCH, Kind.BRANCH, Kind.CALL, Kind.BRANCH, Kind.LOOP_END)
A = (Kind.VECTOR_LOAD, Kind.LOAD, Kind.VECTOR_MUL, Kind.VECTOR_MUL, Kind.VECTOR,
     Kind.VECTOR_STORE, Kind.MLA, Kind.MUL, Kind.DIV, Kind.BRANCH, Kind.BRANCH, Kind.CALL)


@pytest.mark.qemu
@pytest.mark.parametrize(("name", "body", "kinds"), [
    ("cortex-m55", MVE, M), ("cortex-a55", A64, A)])
def test_kinds(name: str, body: str, kinds: tuple[Kind, ...], tmp_path: Path) -> None:
    text = " ".join(f'"{line.strip()}\\n\\t"' for line in body.strip().splitlines())
    source = tmp_path / "main.c"
    source.write_text('#include "eq_port.h"\nvoid sample(void) __attribute__((noinline));\n'
                      f"void sample(void) {{ __asm__ volatile({text}); }}\n"
                      "int eq_main(void) { sample(); return 0; }\n")
    board = load_board(name)
    image = build_image(board, [CompileJob((source,), (port_dir(),))], tmp_path)
    code = [i for i in disassemble(board, image.elf).values() if i.function == "sample"]
    assert tuple(i.kind for i in code)[:len(kinds)] == kinds
    if name == "cortex-m55":
        assert [i.units for i in code if i.kind in (Kind.GATHER, Kind.MULTI)] == [16, 4, 5]
        assert [i.uses_load for i in code[11:14]] == [False, True, False]
        assert [i.conditional for i in code[15:17]] == [True, False]
