"""Resize: every way of placing pixels, against LiteRT and the C code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from against import check, check_float
from ai_edge_litert import schema_py_generated as schema
from native import Native
from tflite_writer import Value

KINDS = {"RESIZE_NEAREST_NEIGHBOR": schema.ResizeNearestNeighborOptionsT,
         "RESIZE_BILINEAR": schema.ResizeBilinearOptionsT}
SIZES = [((5, 7), (10, 14)), ((6, 4), (3, 2)), ((4, 5), (9, 3)), ((1, 3), (4, 1)), ((8, 8), (8, 8))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after"), SIZES)
@pytest.mark.parametrize(("corners", "half"), [(False, False), (True, False), (False, True)])
def test_resize(native: Native, tmp_path: Path, kind: str, before: tuple[int, int],
                after: tuple[int, int], corners: bool, half: bool) -> None:
    rng = np.random.default_rng([*before, *after])
    options = KINDS[kind]()
    options.alignCorners, options.halfPixelCenters = corners, half
    size = Value("size", (2,), data=np.array(after, np.int32))
    x, y = (1, *before, 3), (1, *after, 3)
    check(native, tmp_path, rng, kind, (Value("x", x, 0.1, 3), size), (Value("y", y, 0.1, 3),),
          options)
    check_float(tmp_path, rng, kind, (Value("x", x), size), (Value("y", y),), options)
