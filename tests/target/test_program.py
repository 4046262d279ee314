"""run_program on every board: files, text, exit code, and an instruction count known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.board import board_names, load_board
from edgeq.errors import ToolchainError
from edgeq.target import run_program

pytestmark = pytest.mark.qemu

CROSS = tuple(name for name in board_names() if name != "host")

LOOP = """
#include "eq_port.h"
static uint8_t buffer[300000];
static int32_t initialized = 41;
int eq_main(void)
{
    const size_t n = eq_port_load("in.bin", buffer, sizeof buffer);
    uint32_t k = 1000;
    size_t i;
    (void)k;
    EQ_COUNT_START();
#if defined(__aarch64__)
    __asm__ volatile("1: subs %w0, %w0, #1\\n\\tb.ne 1b" : "+r"(k) :: "cc");
#elif defined(__arm__)
    __asm__ volatile(".syntax unified\\n1: subs %0, %0, #1\\n\\tbne 1b" : "+l"(k) :: "cc");
#endif
    EQ_COUNT_LAYER();
    __asm__ volatile("nop\\n\\tnop\\n\\tnop" ::: "memory");
    EQ_COUNT_STOP();
    initialized++;
    for (i = 0; i < n; i++) {
        buffer[i] = (uint8_t)(buffer[i] + initialized);
    }
    eq_port_save("out.bin", buffer, n);
    eq_port_print("done\\n");
    return 0;
}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "main.c"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", CROSS)
def test_files_and_exact_count(name: str, tmp_path: Path) -> None:
    data = bytes(i % 251 for i in range(200_000))
    result = run_program(load_board(name), [write(tmp_path, LOOP)], files_in={"in.bin": data},
                         count=True)
    assert result.output == bytes((b + 42) % 256 for b in data)
    assert result.text == "done\n"
    loop, rest = result.sections
    assert rest.instructions == 3
    assert loop.layer
    assert not rest.layer
    assert 2000 <= loop.instructions <= 2002  # the loop, and loading its counter
    assert result.instructions == loop.instructions + 3


def test_host_runs_natively(tmp_path: Path) -> None:
    result = run_program(load_board("host"), [write(tmp_path, LOOP)], files_in={"in.bin": b"abc"})
    assert result.output == bytes(b + 42 for b in b"abc")
    assert result.instructions is None


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-a53"])
def test_exit_code_is_reported(name: str, tmp_path: Path) -> None:
    text = '#include "eq_port.h"\nint eq_main(void) { eq_port_print("oh"); return 5; }\n'
    with pytest.raises(ToolchainError, match="exit code 5; it printed: oh"):
        run_program(load_board(name), [write(tmp_path, text)])


def test_unaligned_access_faults_on_m0plus(tmp_path: Path) -> None:
    text = """
#include "eq_port.h"
static volatile uint32_t words[2];
int eq_main(void)
{
    uint32_t address = (uint32_t)words + 1u;
    uint32_t value;
    __asm__ volatile("ldr %0, [%1]" : "=l"(value) : "l"(address));
    return (int)(value & 0u);
}
"""
    with pytest.raises(ToolchainError, match="fault"):
        run_program(load_board("cortex-m0plus"), [write(tmp_path, text)])
    assert run_program(load_board("cortex-m3"), [write(tmp_path, text)]).output == b""


def test_warnings_are_errors(tmp_path: Path) -> None:
    text = '#include "eq_port.h"\nint eq_main(void) { int unused = 3; return 0; }\n'
    with pytest.raises(ToolchainError, match="unused"):
        run_program(load_board("cortex-m4"), [write(tmp_path, text)])


def test_endless_loop_ends(tmp_path: Path) -> None:
    text = '#include "eq_port.h"\nint eq_main(void) { for (;;) { __asm__ volatile(""); } }\n'
    with pytest.raises(ToolchainError, match="no end after"):
        run_program(load_board("cortex-m4"), [write(tmp_path, text)], timeout=1.0)


@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m55", "cortex-a7", "cortex-a53"])
def test_clang_compiles_the_sources(name: str, tmp_path: Path) -> None:
    result = run_program(load_board(name), [write(tmp_path, LOOP)], files_in={"in.bin": b"abc"},
                         count=True, compiler="clang")
    assert result.output == bytes(b + 42 for b in b"abc")
    assert 2000 <= result.sections[0].instructions <= 2003


def test_missing_tool_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="apt-get install gcc-arm-none-eabi") as caught:
        run_program(load_board("cortex-m4"), [write(tmp_path, LOOP)])
    assert caught.value.exit_code == 3


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = run_program(load_board("host"), [write(tmp_path, LOOP)], files_in={"in.bin": b"a"})
    assert result.output == b"\x8b"
    assert list(tmp_path.glob("edgeq-cache-*/*.o"))


def test_a_changed_header_is_compiled_again(tmp_path: Path) -> None:
    source = write(tmp_path, '#include "eq_port.h"\n#include "value.h"\n'
                             "int eq_main(void) { static const uint8_t v[1] = {VALUE};\n"
                             'eq_port_save("out.bin", v, 1); return 0; }\n')
    for value in (3, 4):
        (tmp_path / "value.h").write_text(f"#define VALUE {value}\n")
        result = run_program(load_board("cortex-m3"), [source], include_dirs=[tmp_path])
        assert result.output == bytes([value])
