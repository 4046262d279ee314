"""Programs for a board: compile, link, run under QEMU, count instructions, measure sizes."""

from edgeq.target.folder import FolderRun, run_folder
from edgeq.target.profile import LayerProfile, Profile, profile_folder
from edgeq.target.program import ProgramResult, run_program
from edgeq.target.sizes import Sizes, measure_folder
from edgeq.target.toolchain import WARNINGS, CompileJob, Image, build_image

__all__ = [
    "WARNINGS", "CompileJob", "FolderRun", "Image", "LayerProfile", "Profile", "ProgramResult",
    "Sizes", "build_image", "measure_folder", "profile_folder", "run_folder", "run_program",
]
