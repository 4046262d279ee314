"""The instruction counter: against QEMU's own instruction clock, and its file format."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgeq.board import load_board
from edgeq.target import CompileJob, build_image, run_program
from edgeq.target.counts import read_counts
from edgeq.target.toolchain import find_tool, port_dir

# SysTick counts the time that `-icount` makes of instructions: 64 ns each with shift=6. The
# clocks of the machines tick every 40 and 31.25 ns, so a tick is less than an instruction.
PROGRAM = """
#include "eq_port.h"
#include <string.h>
#define SYST ((volatile uint32_t *)0xE000E010u)
static uint8_t a[3000], b[3000];
static uint32_t result[2];
__attribute__((noinline)) static uint32_t work(uint32_t n)
{
    uint32_t i, sum = 0;
    memcpy(a, b, sizeof a);
    for (i = 0; i < n; i++) {
        a[i % sizeof a] = (uint8_t)(i * 7u);
        if ((i & 3u) == 1u) {
            sum += a[(i * 13u) % sizeof a] / ((i & 7u) + 1u);
        } else {
            sum ^= i;
        }
    }
    return sum;
}
static uint32_t elapsed(uint32_t n)
{
    uint32_t before, sum;
    SYST[1] = 0xFFFFFFu;
    SYST[2] = 0;
    SYST[0] = 5;
    while (SYST[2] == 0u) {
    }
    before = SYST[2];
    if (n == 0) {
        return before - SYST[2];
    }
    EQ_COUNT_START();
    sum = work(n);
    EQ_COUNT_STOP();
    before -= SYST[2];
    a[0] = (uint8_t)sum;
    return before;
}
int eq_main(void)
{
    result[0] = elapsed(0);
    result[1] = elapsed(20000);
    eq_port_save("out.bin", result, sizeof result);
    return 0;
}
"""


@pytest.mark.qemu
@pytest.mark.parametrize(("name", "tick_ns"), [("cortex-m4", 40.0), ("cortex-m55", 31.25)])
def test_counter_agrees_with_icount(name: str, tick_ns: float, tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text(PROGRAM)
    board = load_board(name)
    assert board.qemu is not None
    counted = run_program(board, [source], count=True).instructions
    assert counted is not None
    image = build_image(board, [CompileJob((source,), (port_dir(),))], tmp_path)
    subprocess.run(
        [find_tool("qemu-system-arm"), "-M", board.qemu.machine, "-display", "none",
         "-serial", "none", "-monitor", "none", "-semihosting-config", "enable=on,target=native",
         "-icount", "shift=6", "-kernel", str(image.elf)],
        cwd=tmp_path, check=True, timeout=60, capture_output=True)
    data = (tmp_path / "out.bin").read_bytes()
    empty, full = (int.from_bytes(data[i:i + 4], "little") for i in (0, 4))
    by_clock = (full - empty) * tick_ns / 64
    assert abs(by_clock - counted) <= 8  # reading the clock, and its resolution
    assert counted > 200_000


def test_counting_starts_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "counts.txt"
    path.write_text("mark 2\nmark 1\nmark 2\n10 3\n12 4\n"
                    "mark 3\n20 5\nmark 2\nmark 1\nmark 3\na 1\n")
    sections = read_counts(path)
    assert [(s.layer, dict(s.times)) for s in sections] == [
        (True, {16: 3, 18: 4}), (False, {32: 5}), (False, {10: 1})]
