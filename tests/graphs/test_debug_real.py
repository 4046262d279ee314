"""`edgeq debug` on a real model: the group that quantization hurts most."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeq.cli import main
from edgeq.execute import run_float, run_int
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe

Shared = Callable[[str], Path]


def debugged(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, object]:
    with pytest.raises(SystemExit) as end:
        main(["debug", *args, "--json"])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("labelled", [True, False])
def test_the_group_hurt_most_is_named(labelled: bool, shared: Shared, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    """Faint recordings of the keywords: their scores lie close together, so that answers tip."""
    model = shared("models/mlperf_kws_float32.tflite")
    held = np.load(shared("data/mlperf_kws_eval.npz"))
    x, y = held["x"].astype(np.float32), held["y"].astype(np.int64)
    faint = np.arange(len(x)) % 4 == 0
    x[faint] *= np.float32(0.25)
    group = np.where(faint, "faint", np.where(np.arange(len(x)) % 4 == 1, "near", "far"))
    spec = tmp_path / "groups.npz"
    np.savez(spec, x=x, group=group, **({"y": y} if labelled else {}))
    recipe = tmp_path / "coarse.toml"
    recipe.write_text('weight_bits = 4\nrounding = "nearest"\nrollback = false\n'
                      'equalize = "off"\nbias_correction = "off"\n')
    content = debugged(capsys, str(model), "--calib", str(spec), "--recipe", str(recipe),
                       "--samples", "4", "-o", str(tmp_path / "out"))
    graph = simplify(read(model))
    (source,) = graph.ins
    ints = quantize(graph, x.reshape(len(x), *graph.tensor(source).shape[1:]),
                    load_recipe(recipe)).graph
    answers = [run_float(graph, {source: x})[graph.outs[0]],
               run_int(ints, {source: ints.tensor(source).params.quantize(x)})[ints.outs[0]]]
    by_float, by_int = (a.argmax(1) for a in answers)
    right = y if labelled else by_float
    drops = {g: float(np.mean((by_float == right)[group == g]) - np.mean((by_int == right)
                                                                        [group == g]))
             for g in ("faint", "near", "far")}
    worst = content["worst_group"]
    assert isinstance(worst, dict)
    assert worst["drop"] == pytest.approx(max(drops.values()))
    assert drops[worst["name"]] == max(drops.values()) > 0
    assert (content["worst_class"] is not None) == labelled
    page = (tmp_path / "out" / "debug.html").read_text()
    assert "group hurt most" in page
    assert "points of the answers" in page or labelled
