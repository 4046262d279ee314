"""One measurement: build a model for a board, measure its sizes, count its instructions."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.cases import Case

from edgeq import pipeline
from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess
from edgeq.folder import write
from edgeq.recipe import load_recipe
from edgeq.target import Profile, measure_folder, profile_folder


@dataclass(frozen=True)
class Figures:
    """What the table keeps of a case; bytes, and executed instructions of one inference."""

    instructions: int
    cycles: int | None  # estimated
    macs: int
    arena: int
    weights: int  # with the tables that the board's kernels pack among them
    const: int  # other tables and parameters
    code: int
    flash: int  # code, weights, const and what they need of the C library
    stack: int | None  # bound

    def to_json(self) -> dict[str, int | None]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured case."""

    case: Case
    figures: Figures
    profile: Profile


def measure(case: Case, compiler: str | None = None) -> Measured:
    """Everything about one case, for a fixed sample; raises EdgeqError.

    `compiler` takes the place of the board's GCC or of the case's clang.
    """
    target = Target(load_board(case.board), case.optimize, cmsis_nn=case.cmsis_nn)
    compiler = compiler or ("clang" if case.clang else None)
    request = pipeline.Request(
        case.path, target, case.calib, load_recipe("default"), Preprocess(case.scale),
        name=case.model)
    result = pipeline.build(request)
    with tempfile.TemporaryDirectory(prefix="edgeq-bench-") as name:
        folder = Path(name) / "library"
        write(result.files, folder)
        sizes = measure_folder(folder, target.board, compiler=compiler)
        profile = profile_folder(folder, target.board, compiler=compiler)
    weights, arena = result.report["weights_bytes"], result.report["arena_bytes"]
    assert isinstance(weights, int)
    assert isinstance(arena, int)
    figures = Figures(
        profile.instructions, None if profile.cycles is None else round(profile.cycles),
        profile.macs, arena, weights, sizes.const - weights, sizes.code, sizes.flash,
        sizes.stack)
    return Measured(case, figures, profile)
