"""Boards: one TOML each below boards/, with inheritance of a parent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Qemu:
    """How a board's programs run here: a whole machine, or one process."""

    program: str  # "qemu-system-arm" | "qemu-arm" | "qemu-aarch64"
    machine: str = ""  # system mode only, e.g. "mps3-an547"
    cpu: str = ""
    tick_ns: float = 0.0  # SysTick period, system mode only
    linker: str = ""  # linker script below runtime_c/port/


@dataclass(frozen=True)
class Board:
    """What is known of a target: its core, compiler, memories and emulator."""

    name: str
    cpu: str
    isa: tuple[str, ...]  # best first, always ends in "c"
    compiler: str  # "arm-none-eabi-gcc" | "aarch64-linux-gnu-gcc" | "arm-linux-gnueabihf-gcc" | "cc"
    cflags: tuple[str, ...]
    flash: int = 0
    ram: int = 0
    clock_hz: int = 0
    qemu: Qemu | None = None
    description: str = ""


class Optimize(Enum):
    """What the choice of kernels favours."""

    SPEED = "speed"
    SIZE = "size"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Target:
    """A board and the wishes for it: what `lower` decides by."""

    board: Board
    optimize: Optimize = Optimize.BALANCED


HOST = Board(
    name="host", cpu="host", isa=("c",), compiler="cc",
    cflags=("-O3",), description="this machine, portable C kernels",
)
