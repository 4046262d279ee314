"""Every NEON variant of an operator without weights gives the portable one's bytes, under QEMU.

test_kernels.py runs the variants for Cortex-M, which take scratch. A new NEON
variant of a family here needs no line: it is found in the tuples of edgeq/kernels/plain.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from kernel_program import Trial, run_trials

from edgeq.board import load_board
from edgeq.kernels import plain
from edgeq.kernels.plain import Kernel
from edgeq.ops.pool import slide_distance
from edgeq.ops.windows import Window
from edgeq.plan import Call, Value
from edgeq.requant import quantize_multiplier

BOARDS = {"neon": ("cortex-a53", "cortex-a7")}
pytestmark = pytest.mark.qemu


def _call(kernel: Kernel, struct: str, fields: tuple[tuple[str, Value], ...], ins: int,
          overlap: tuple[int | None, ...]) -> Call:
    return Call(name="layer", op="", func=kernel.func, struct=struct, fields=fields,
                ins=("a", "b")[:ins], outs=("y",), sources=kernel.sources, overlap=overlap)


def _values(rng: np.random.Generator, n: int) -> np.ndarray:
    if rng.integers(4) == 0:
        return rng.choice(np.array([-128, 127], np.int8), n)
    return rng.integers(-128, 128, n).astype(np.int8)


def _clamp(rng: np.random.Generator, zero: int) -> tuple[int, int]:
    """The whole range, a fused ReLU or anything."""
    kind = rng.integers(3)
    low, high = sorted(int(v) for v in rng.integers(-128, 128, 2))
    return ((-128, 127), (zero, 127), (low, high))[kind]


def adds(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Lengths around the tiles; shifts of 0 and of 31, halves; both inputs as the output."""
    for n in (1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 40, 64, 100, 257):
        for _ in range(3):
            zeros = [int(v) for v in rng.choice([-128, 127, 0, -3, 90], 3)]
            low, high = _clamp(rng, zeros[2])
            b_mult, b_shift = quantize_multiplier(float(rng.uniform(0.0001, 0.5)))
            out_mult, out_shift = quantize_multiplier(float(rng.uniform(0.1, 3.0)) * 2.0**-19)
            kind = int(rng.integers(6))
            if kind == 0:
                b_mult, b_shift = 1 << 30, int(rng.integers(-31, 1))
                out_mult, out_shift = 1 << 30, int(rng.integers(-20, -17))
            elif kind == 1:
                out_mult, out_shift = (1 << 31) - 1, int(rng.choice([0, -31, -1]))
            fields = (("n", n), ("a_zero", zeros[0]), ("b_zero", zeros[1]),
                      ("out_zero", zeros[2]), ("act_min", low), ("act_max", high),
                      ("b_shift", b_shift), ("out_shift", out_shift),
                      ("b_mult", b_mult), ("out_mult", out_mult))
            call = _call(kernel, "eq_add_s8_t", fields, 2, (0, 0))
            yield Trial(call, (_values(rng, n), _values(rng, n)), n, int(rng.integers(16)),
                        bool(rng.integers(2)))


def pools(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Global and small windows, borders, channels around the tiles, more than 255 pixels."""
    shapes = [((25, 5, 64), (25, 5), (25, 5)), ((8, 8, 64), (8, 8), (8, 8)),
              ((3, 3, 256), (3, 3), (2, 2)), ((17, 19, 9), (17, 19), (1, 1)),
              ((2, 300, 8), (2, 300), (1, 1)), ((90, 70, 8), (90, 70), (1, 1)),
              ((6, 6, 16), (2, 2), (2, 2)),
              ((5, 7, 24), (3, 3), (2, 2)), ((4, 4, 3), (2, 2), (1, 1)),
              ((5, 5, 15), (1, 1), (2, 2)), ((7, 5, 33), (3, 2), (1, 2)),
              ((1, 1, 1), (1, 1), (1, 1)),
              ((9, 3, 20), (5, 3), (1, 1)), ((6, 40, 12), (3, 30), (2, 3))]
    for (h, w, c), kernel_size, stride in shapes:
        for same in (False, True):
            pad = [0, 0]
            for axis, size in enumerate((h, w)):
                k, s = kernel_size[axis], stride[axis]
                pad[axis] = max(0, (-(-size // s) - 1) * s + k - size) if same else 0
            window = Window(*kernel_size, stride=stride, pad=(
                (pad[0] // 2, pad[0] - pad[0] // 2), (pad[1] // 2, pad[1] - pad[1] // 2)))
            out_h, out_w = window.out_size(h, w)
            low, high = _clamp(rng, int(rng.integers(-128, 128)))
            fields = (("in_h", h), ("in_w", w), ("c", c), ("out_h", out_h), ("out_w", out_w),
                      ("kh", kernel_size[0]), ("kw", kernel_size[1]), ("stride_h", stride[0]),
                      ("stride_w", stride[1]), ("pad_top", window.pad[0][0]),
                      ("pad_left", window.pad[1][0]), ("act_min", low), ("act_max", high))
            call = _call(kernel, "eq_pool_s8_t", fields, 1, (slide_distance(window, h, w) * c,))
            yield Trial(call, (_values(rng, h * w * c),), out_h * out_w * c,
                        int(rng.integers(16)), bool(rng.integers(2)))


def means(rng: np.random.Generator, kernel: Kernel) -> Iterator[Trial]:
    """Sums and means over a middle, a first and a last axis."""
    for outer, n, inner in ((1, 49, 64), (3, 5, 8), (1, 300, 16), (7, 9, 1), (2, 1, 24),
                            (4, 6, 3), (1, 2, 33), (1, 1000, 9), (5, 4, 15)):
        for factor in (1.0 / n, 1.3, 0.02):
            zero, out_zero = (int(v) for v in rng.choice([-128, 127, 0, -3, 90], 2))
            mult, shift = quantize_multiplier(factor)
            fields = (("outer", outer), ("n", n), ("inner", inner), ("bias", -n * zero),
                      ("mult", mult), ("shift", shift), ("out_zero", out_zero))
            call = _call(kernel, "eq_mean_s8_t", fields, 1, (None,))
            yield Trial(call, (_values(rng, outer * n * inner),), outer * inner,
                        int(rng.integers(16)))


@dataclass(frozen=True)
class Family:
    """Trials of one operator."""

    name: str
    kernels: tuple[Kernel, ...]
    trials: Callable[[np.random.Generator, Kernel], Iterator[Trial]]

    @property
    def portable(self) -> Kernel:
        return next(k for k in self.kernels if k.isa == "c")


FAMILIES = (
    Family("add", plain.ADD, adds),
    Family("avgpool", plain.AVGPOOL, pools),
    Family("maxpool", plain.MAXPOOL, pools),
    Family("mean", plain.MEAN, means),
)
VARIANTS = [pytest.param(f, k, board, id=f"{f.name}-{k.func}-{board}")
            for f in FAMILIES for k in f.kernels for board in BOARDS.get(k.isa, ())]


@pytest.mark.parametrize("compiler", [None, "clang"], ids=["gcc", "clang"])
@pytest.mark.parametrize(("family", "kernel", "name"), VARIANTS)
def test_variant_equals_portable(family: Family, kernel: Kernel, name: str,
                                 compiler: str | None) -> None:
    board = load_board(name)
    tools = (compiler or board.compiler, board.qemu.program if board.qemu else "")
    if missing := [t for t in tools if shutil.which(t) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    variants = list(family.trials(np.random.default_rng(3), kernel))
    plains = list(family.trials(np.random.default_rng(3), family.portable))
    plains = [replace(t, skew=0, dying=False) for t in plains]
    outcomes = run_trials(board, [*plains, *variants], compiler=compiler)
    for i, trial in enumerate(variants):
        expected, found = outcomes[i].output, outcomes[len(plains) + i].output
        wrong = np.flatnonzero(expected != found)
        assert wrong.size == 0, (i, trial.call.fields, wrong[:10], found[wrong[:10]])
