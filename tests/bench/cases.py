"""What is measured: the MLPerf Tiny models on every board, with each compiler and preference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from edgeq.board import Optimize, board_names
from edgeq.errors import UsageError

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
MODELS = ("kws", "ic", "vww", "ad")
BOARDS = (
    "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55",
    "cortex-m85", "cortex-a7", "cortex-a53", "cortex-a55", "cortex-a76", "cortex-a510",
)
CLANG_BOARDS = ("cortex-m4", "cortex-m55")
_CALIB = {"kws": "mlperf_kws_calib.npz", "ic": "cifar10_calib.npz", "vww": "vww_calib.npz"}
_SCALE = {"vww": 1 / 255}


@dataclass(frozen=True)
class Case:
    """One measurement; `float_model`: quantized here with the default recipe."""

    model: str
    board: str
    clang: bool = False
    optimize: Optimize = Optimize.BALANCED
    float_model: bool = False
    cmsis_nn: Path | None = None  # a checkout whose functions it calls

    @property
    def key(self) -> str:
        """Its name in the table: "kws:cortex-m55", "kws:cortex-m4+clang"."""
        extras = (("clang", self.clang), (self.optimize.value, self.optimize is not _BALANCED),
                  ("float", self.float_model), ("cmsis-nn", self.cmsis_nn is not None))
        return "+".join((f"{self.model}:{self.board}", *(name for name, on in extras if on)))

    @property
    def path(self) -> Path:
        """The model's file."""
        kind = "float32" if self.float_model else "int8"
        return SHARED / "models" / f"mlperf_{self.model}_{kind}.tflite"

    @property
    def calib(self) -> str | None:
        """Samples to calibrate with; random ones where the model has no data set."""
        if not self.float_model:
            return None
        name = _CALIB.get(self.model)
        return "random" if name is None else str(SHARED / "data" / name)

    @property
    def scale(self) -> tuple[float, ...]:
        """Factor from the samples' numbers to the model's input."""
        return (_SCALE.get(self.model, 1.0),)


_BALANCED = Optimize.BALANCED


def all_cases() -> tuple[Case, ...]:
    """Every case of the recorded table."""
    assert set(BOARDS) == set(board_names()) - {"host"}
    plain = [Case(model, board) for model in MODELS for board in BOARDS]
    clang = [Case(model, board, clang=True) for model in MODELS for board in CLANG_BOARDS]
    wishes = [Case(model, board, optimize=wish) for model in ("kws", "ic")
              for board in ("cortex-m4", "cortex-m55")
              for wish in (Optimize.SPEED, Optimize.SIZE)]
    return (*plain, *clang, *wishes)


def select(cases: Sequence[Case], only: Sequence[str]) -> tuple[Case, ...]:
    """The cases that one of the patterns names: "kws:cortex-m55", "kws", ":cortex-m4", "ad:*-a*".

    A pattern without "+" means the plain cases; "kws:*+clang" those with clang. Raises
    UsageError for a pattern that names nothing.
    """
    if not only:
        return tuple(cases)
    chosen: list[Case] = []
    for pattern in only:
        pair, *extras = pattern.split("+")
        model, _, board = pair.partition(":")
        full = "+".join((f"{model or '*'}:{board or '*'}", *extras))
        hits = [c for c in cases if fnmatchcase(c.key, full) and ("+" in c.key) == bool(extras)]
        if not hits:
            raise UsageError("--only", f"{pattern!r} names no case",
                             "MODEL:BOARD, each with * or left out, +clang, +size or +speed")
        chosen += [c for c in hits if c not in chosen]
    return tuple(chosen)
