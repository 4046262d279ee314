"""Programs for a board: compile, link, run under QEMU, count instructions."""

from edgeq.target.program import ProgramResult, run_program
from edgeq.target.toolchain import WARNINGS, CompileJob, Image, build_image

__all__ = [
    "WARNINGS", "CompileJob", "Image", "ProgramResult", "build_image", "run_program",
]
