"""Compiling and linking C for a board, with a cache of object files by content."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgeq.board import Board
from edgeq.cache import cache_dir
from edgeq.errors import ToolchainError
from edgeq.resources import resource_dir

WARNINGS = (
    "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef",
    "-Wcast-qual", "-Wmissing-prototypes", "-Werror",
)
_ONE_ROUNDING_EACH = "-ffp-contract=off"  # of layers in float32, as their build files have it
_PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-arm": "qemu-user", "qemu-aarch64": "qemu-user",
    "cc": "gcc", "gcc": "gcc", "clang": "clang",
}
_CLANG_TARGETS = {
    "arm-none-eabi-gcc": "arm-none-eabi", "aarch64-linux-gnu-gcc": "aarch64-linux-gnu",
    "arm-linux-gnueabihf-gcc": "arm-linux-gnueabihf",
}


@dataclass(frozen=True)
class CompileJob:
    """C files that are compiled alike. `compiler` replaces the board's: see `compiler_command`."""

    sources: tuple[Path, ...]
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()  # "NAME" or "NAME=value"
    cflags: tuple[str, ...] = ()  # after the board's own
    compiler: str | None = None


@dataclass(frozen=True)
class Image:
    """A linked program; `objects` in the order of the jobs' sources."""

    elf: Path
    map: Path
    objects: tuple[Path, ...]


def find_tool(name: str) -> str:
    """The full path of a compiler or emulator; ToolchainError names the package otherwise."""
    path = shutil.which(name)
    if path is None:
        package = _PACKAGES.get(name)
        fix = f"install it, on Debian: apt-get install {package}" if package else "install it"
        raise ToolchainError(name, "this program is not installed", fix=fix)
    return path


def port_dir() -> Path:
    """Startup, semihosting and linker scripts."""
    return resource_dir("runtime_c") / "port"


def build_image(board: Board, jobs: Sequence[CompileJob], folder: Path) -> Image:
    """`folder`/program.elf from all jobs and the board's port; objects are compiled in parallel.

    Raises ToolchainError with the compiler's own message.
    """
    port = _port_job(board)
    work = [(source, job) for job in (*jobs, port) for source in job.sources]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        objects = tuple(pool.map(lambda item: compile_object(board, *item), work))
    elf = folder / "program.elf"
    command = [find_tool(board.compiler), *board.cflags, *map(str, objects), "-o", str(elf)]
    if board.bare_metal and board.qemu is not None:
        command += ["-nostartfiles", f"-L{port_dir()}", f"-T{port_dir() / board.qemu.linker}"]
    elif board.qemu is not None:
        command += ["-static", "-no-pie"]
    command += ["-Wl,--gc-sections", f"-Wl,-Map={folder / 'program.map'}"]
    execute(command, f"linking for {board.name}")
    own = sum(len(job.sources) for job in jobs)
    return Image(elf, elf.with_suffix(".map"), objects[:own])


def _port_job(board: Board) -> CompileJob:
    names = ["eq_files.c", "eq_startup_m.c", "eq_semihost.c"]
    if not board.bare_metal:
        names = ["eq_files.c", "eq_posix.c"]
    return CompileJob(tuple(port_dir() / name for name in names), (port_dir(),),
                      defines=() if board.bare_metal else ("_POSIX_C_SOURCE=200809L",))


def compile_object(board: Board, source: Path, job: CompileJob) -> Path:
    """The object file of `source`, from the cache when its preprocessed text is known.

    Beside it lies the call graph with stack sizes (suffix .ci) where GCC compiled it.
    """
    compiler = compiler_command(board, job.compiler)
    version = _version(*compiler)
    graph = () if _is_clang(version) else ("-fcallgraph-info=su",)
    flags = [*board.cflags, *WARNINGS, *graph, *job.cflags, _ONE_ROUNDING_EACH]
    flags += [f"-D{define}" for define in job.defines]
    flags += [f"-I{path}" for path in job.include_dirs]
    where = f"compiling {source.name} for {board.name}"
    text = execute([*compiler, *flags, "-E", "-P", str(source)], where)
    key = hashlib.sha256()
    for part in (*compiler, version, *board.cflags, *graph, *job.cflags, text):
        key.update(part.encode() + b"\0")
    path = cache_dir() / f"{key.hexdigest()[:40]}.o"
    if not path.is_file():
        made = path.with_name(f"{path.stem}-{os.getpid()}-{threading.get_ident()}.o")
        execute([*compiler, *flags, "-c", str(source), "-o", str(made)], where)
        if graph and made.with_suffix(".ci").is_file():
            made.with_suffix(".ci").replace(path.with_suffix(".ci"))
        made.replace(path)
    return path


def compiler_command(board: Board, compiler: str | None) -> list[str]:
    """The start of a compile command: the board's own compiler, or another one aimed at the board.

    "gcc-14" is that version of the board's GCC (arm-none-eabi-gcc-14 ...), clang is any command
    that says so of itself ("clang", "clang-19", "python3 -m ziglang clang").
    """
    if compiler is None:
        return [find_tool(board.compiler)]
    words = shlex.split(compiler)
    if re.fullmatch(r"gcc-[\d.]+", compiler) and board.compiler.endswith("-gcc"):
        words = [board.compiler.removesuffix("gcc") + compiler]
    command = [find_tool(words[0]), *words[1:]]
    if board.compiler in _CLANG_TARGETS and _is_clang(_version(*command)):
        command += [f"--target={_CLANG_TARGETS[board.compiler]}"]
        command += [f"-isystem{path}" for path in _system_includes(board.compiler)]
    return command


def compiler_version(board: Board, compiler: str | None) -> str:
    """What the compiler of `compiler_command` says first of its version."""
    return _version(*compiler_command(board, compiler))


def _is_clang(version: str) -> bool:
    return "clang" in version


@functools.cache
def _version(*command: str) -> str:
    return execute([*command, "--version"], command[0]).split("\n", 1)[0]


@functools.cache
def _system_includes(compiler: str) -> tuple[str, ...]:
    """The cross compiler's C library headers (its own built-in headers left out)."""
    result = subprocess.run([find_tool(compiler), "-E", "-v", "-xc", os.devnull],
                            capture_output=True, text=True, check=False)
    found = [Path(line.strip()).resolve() for line in result.stderr.splitlines()
             if line.startswith(" /")]
    return tuple(str(path) for path in found if "/lib/gcc" not in str(path) and path.is_dir())


def execute(command: Sequence[str], where: str) -> str:
    """Standard output of a tool; ToolchainError with its messages when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        message = result.stderr.strip() or f"exit code {result.returncode}"
        raise ToolchainError(where, f"{Path(command[0]).name} failed:\n{message}")
    return result.stdout
