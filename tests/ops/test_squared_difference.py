"""Squared differences of integers: LiteRT's bytes and the C code's, broadcast either way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, params, random_int8
from native import Native
from tflite_writer import Value

FULL = (1, 3, 5, 7)


@pytest.mark.parametrize("other", [FULL, (1, 1, 1, 7), (1, 3, 5, 1), (1, 1, 5, 1), (1,)], ids=str)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("const", [False, True])
def test_bytes(native: Native, tmp_path: Path, other: tuple[int, ...], swap: bool,
               const: bool) -> None:
    rng = np.random.default_rng([*other, swap, const])
    for _ in range(4):
        a = Value("a", FULL, *params(rng))
        b = Value("b", other, *params(rng), data=random_int8(rng, other) if const else None)
        most = max(a.scale, b.scale) ** 2
        y = Value("y", FULL, *params(rng, most, 300 * most))
        check(native, tmp_path, rng, "SQUARED_DIFFERENCE", (b, a) if swap else (a, b), (y,))


def test_an_output_that_saturates(native: Native, tmp_path: Path) -> None:
    """Of steps so fine that no factor fits: C and run_int agree, at the ends of the range."""
    rng = np.random.default_rng(2)
    a, b = (Value(name, FULL, 0.5, 3) for name in "ab")
    check(native, tmp_path, rng, "SQUARED_DIFFERENCE", (a, b), (Value("y", FULL, 1e-9, -128),),
          oracle=False)
