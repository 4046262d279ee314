"""Running a linked program: under QEMU, or on this machine for the host board."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgeq.board import Board
from edgeq.cache import cache_dir
from edgeq.errors import ToolchainError
from edgeq.target.toolchain import execute, find_tool, port_dir


@dataclass(frozen=True)
class Run:
    """How a program ended: its exit code and what it printed."""

    exit_code: int
    text: str


def run_image(board: Board, elf: Path, folder: Path, timeout: float,
              counts: Path | None = None) -> Run:
    """Runs `elf` with `folder` as its current folder; `counts` gets the instruction counts.

    `timeout` in seconds. Raises ToolchainError for a missing emulator or a program that hangs.
    """
    command = [*_emulator(board, counts), str(elf)]
    try:
        result = subprocess.run(command, cwd=folder, timeout=timeout, check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")[-2000:]
        raise ToolchainError(
            f"running for {board.name}", f"no end after {timeout:g} s; it printed: {said!r}",
            fix="look for an endless loop, or allow more time") from error
    lines = result.stdout.decode(errors="replace").splitlines(keepends=True)
    own = f"{board.qemu.program}: warning: nic" if board.qemu is not None else "\0"
    return Run(result.returncode, "".join(line for line in lines if not line.startswith(own)))


def _emulator(board: Board, counts: Path | None) -> list[str]:
    """The command before the program's name."""
    qemu = board.qemu
    if qemu is None:
        return []
    command = [find_tool(qemu.program)]
    if board.bare_metal:
        command += ["-M", qemu.machine, "-display", "none", "-serial", "none", "-monitor", "none",
                    "-nic", "none", "-semihosting-config", "enable=on,target=native"]
    else:
        command += ["-cpu", qemu.cpu]
    if counts is not None:
        command += ["-plugin", f"file={count_plugin()},out={counts}"]
    return [*command, "-kernel"] if board.bare_metal else command


def count_plugin() -> Path:
    """The instruction counter, compiled once for this machine."""
    source = port_dir() / "eq_count_plugin.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    path = cache_dir() / f"count-{digest}.so"
    if not path.is_file():
        made = path.with_suffix(f".{os.getpid()}")
        execute([find_tool("cc"), "-std=c99", "-O2", "-fPIC", "-shared", str(source),
                 "-o", str(made)], "compiling the instruction counter")
        made.replace(path)
    return path
