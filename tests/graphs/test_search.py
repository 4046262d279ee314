"""Searches for a recipe: what is chosen holds the goal, comes back, and goes on after a stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import real

from edgeq.board import Target, load_board
from edgeq.cli import main
from edgeq.dataset import Preprocess, load_dataset
from edgeq.execute import run_float
from edgeq.ir import Graph, Tensor
from edgeq.ops.dense import Dense
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.quant.sensitivity import Width, curvature, sensitivity
from edgeq.readers import read
from edgeq.recipe import Layer, Recipe, Search, load_recipe
from edgeq.recipe_text import recipe_text
from edgeq.resources import resource_dir
from edgeq.search import NO_GOAL, Goal, choose_recipe
from edgeq.search.mixed import WIDTHS, narrowed, sizes
from edgeq.search.trial import Job, expected_drop, float_scores, job_of, meets, try_recipe
from edgeq.search.widen import widened

Shared = Callable[[str], Path]
DIGITS = resource_dir("examples") / "digits"
MODEL, CALIB = str(DIGITS / "digits.tflite"), str(DIGITS / "digits_calib.npz")
SAMPLES = 60
ALL_WIDTHS = (*WIDTHS, Width(2, 32))
PLAIN = replace(load_recipe("mixed"), search=Search.NONE)


def job(goal: Goal = NO_GOAL) -> Job:
    """The digits on a Cortex-M4, with few samples so that a search takes seconds."""
    graph = simplify(read(Path(MODEL)))
    data = load_dataset(CALIB, Preprocess(), graph)
    made = job_of(graph, data.real(), data.y, Target(load_board("cortex-m4")), goal,
                  lambda plan: (0, 0), lambda what, share: None)
    assert made.y is not None
    return replace(made, samples=tuple(x[:SAMPLES] for x in made.samples), y=made.y[:SAMPLES])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the searches of all tests keep their trials."""
    return tmp_path_factory.mktemp("search")


def call(*args: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(args)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_recipes_come_back_from_their_text(tmp_path: Path) -> None:
    recipe = replace(load_recipe("best"), name='a "name"', scale=(1 / 255, 2.0), layers=(
        Layer("conv*", weight_bits=4, per_channel=False), Layer("de/nse;1", act_bits=16)))
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe
    assert recipe_text(Recipe(name="default")) == 'name = "default"\n'


def test_noise_of_single_layers_adds_up_to_that_of_all() -> None:
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    found = sensitivity(q.float_graph, q.graph, j.samples, PLAIN, (Width(4), Width(8)))
    total = sum(w.noise for w in found.weights if w.width.bits == 4 or "depthwise" in w.layer)
    total += sum(a.noise for a in found.activations)
    four = try_recipe(j, replace(PLAIN, weight_bits=4), "", float_scores(j))
    assert -10 * np.log10(total) == pytest.approx(four.sqnr_db, abs=3.0)
    by = {(w.layer, w.width.bits): w for w in found.weights}
    for (layer, bits), w in by.items():
        if bits == 4:
            assert w.noise > 4 * by[layer, 8].noise
            assert w.weights_db < by[layer, 8].weights_db - 10


def test_curvature_is_the_trace_of_a_linear_layer() -> None:
    """Scores W x: the trace by W is the outputs' number times the inputs' energy."""
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(3, 5)).astype(np.float32), np.zeros(3, np.float32)
    graph = Graph({"x": Tensor("x", (1, 5)), "w": Tensor("w", w.shape, w),
                   "b": Tensor("b", (3,), b), "y": Tensor("y", (1, 3))},
                  (Dense(name="dense", ins=("x", "w", "b"), outs=("y",)),), ("x",), ("y",))
    x = rng.normal(size=(200, 5)).astype(np.float32)
    known = run_float(graph, {"x": x}, keep=graph.tensors)
    got = curvature(graph, 0, known, "y", rng, probes=50)
    assert got == pytest.approx(3 * float((x**2).sum()), rel=0.1)


def test_expected_loss_is_what_noise_costs() -> None:
    """Against samples drawn with that noise: crossings, of which a quarter is counted."""
    rng = np.random.default_rng(1)
    margins = rng.normal(1.0, 2.0, 4000)
    moved = margins + rng.normal(0, 0.5, (50, 4000))
    crossing = float(np.mean((moved > 0) != (margins > 0)))
    assert expected_drop(margins, 0.5, False) == pytest.approx(crossing, rel=0.05)
    assert expected_drop(margins, 0.5, True) == pytest.approx(crossing / 4, rel=0.05)
    assert expected_drop(margins, 0.0, True) == 0.0


def test_sizes_are_those_of_the_board() -> None:
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    found = sensitivity(q.float_graph, q.graph, j.samples, PLAIN, ALL_WIDTHS)
    sized = sizes(q.graph, q.float_graph, found, PLAIN, j.target, ALL_WIDTHS)
    scores = float_scores(j)
    for i, width in enumerate(ALL_WIDTHS):
        narrow = {s.layer: width for s in sized if len(s.items) > 1} if i else {}
        trial = try_recipe(j, narrowed(PLAIN, narrow), "", scores)
        want = sum(s.items[i if s.layer in narrow else 0].size for s in sized)
        # small tables may join others, and kernels with 4 bits need all levels within [-7, 7]
        assert abs(want - trial.weight_bytes) <= trial.table_bytes + 100


def test_mixed_saves_bytes_within_the_goal(folder: Path) -> None:
    j = job(Goal(max_drop=0.5))
    found = choose_recipe(j, load_recipe("mixed"), folder)
    plain, chosen = found.trials[0], next(t for t in found.trials if t.recipe == found.text)
    assert meets(chosen, j.goal)
    assert chosen.weight_bytes < 0.8 * plain.weight_bytes
    assert {t.recipe for t in found.front} <= {t.recipe for t in found.trials}
    assert any("integer program" in note for note in found.notes)


def test_budgets_are_kept_where_something_keeps_them(folder: Path) -> None:
    everything = choose_recipe(job(Goal(max_drop=0.5)), load_recipe("mixed"), folder).trials
    flash = sorted(t.flash_bytes for t in everything)[len(everything) // 2]
    found = choose_recipe(job(Goal(max_flash=flash)), load_recipe("mixed"), folder)
    chosen = next(t for t in found.trials if t.recipe == found.text)
    assert chosen.flash_bytes <= flash
    assert chosen.sqnr_db == max(t.sqnr_db for t in found.trials if t.flash_bytes <= flash)
    work = everything[0].instructions  # 8 bits everywhere
    tight = choose_recipe(job(Goal(max_drop=0.5, max_instructions=work)), load_recipe("mixed"),
                          folder)
    assert next(t for t in tight.trials if t.recipe == tight.text).instructions <= work


def test_a_killed_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeq.search import choose

    j, tried = job(Goal(max_drop=5.0)), list[str]()

    def counted(job: Job, recipe: Recipe, text: str, scores):  # type: ignore[no-untyped-def]
        if len(tried) == 1:
            raise KeyboardInterrupt
        tried.append(text)
        return try_recipe(job, recipe, text, scores)

    monkeypatch.setattr(choose, "try_recipe", counted)
    with pytest.raises(KeyboardInterrupt):
        choose_recipe(j, load_recipe("best"), tmp_path)
    monkeypatch.setattr(choose, "try_recipe", try_recipe)
    second = list[str]()
    monkeypatch.setattr(choose, "try_recipe", lambda job, recipe, text, scores: (
        second.append(text) or try_recipe(job, recipe, text, scores)))
    resumed = choose_recipe(j, load_recipe("best"), tmp_path)
    assert second
    assert not set(second) & set(tried)
    second.clear()
    again = choose_recipe(j, load_recipe("best"), tmp_path)
    assert (second, again) == ([], resumed)
    for path in tmp_path.rglob("*.json"):
        path.write_text("[{]")
    assert choose_recipe(j, load_recipe("best"), tmp_path).text == resumed.text


def test_wide_layers_are_those_around_the_noisiest_activations() -> None:
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    found = sensitivity(q.float_graph, q.graph, j.samples, PLAIN, (Width(8),))
    wide = widened(narrowed(PLAIN, {"conv_2d_5": Width(4)}), j.graph, found, 2)
    assert 2 <= len(wide.layers) <= 5
    trial = try_recipe(j, wide, "", float_scores(j))
    plain = try_recipe(j, narrowed(PLAIN, {"conv_2d_5": Width(4)}), "", float_scores(j))
    assert trial.sqnr_db > plain.sqnr_db


def test_escalation_stops_at_the_first_that_meets_the_target(folder: Path) -> None:
    easy = choose_recipe(job(Goal(max_drop=5.0)), load_recipe("best"), folder)
    assert easy.recipe.name in ("fast", "default")
    assert "stop" in easy.notes[-1]
    hard = choose_recipe(job(Goal(max_drop=0.0)), load_recipe("best"), folder)
    default = hard.trials[0]
    chosen = next(t for t in hard.trials if t.recipe == hard.text)
    assert len(hard.trials) > len(easy.trials)
    assert chosen.sqnr_db >= default.sqnr_db
    assert chosen.lost <= default.lost


def test_build_keeps_the_recipe_and_it_builds_the_same(
        tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQ_CACHE_DIR", str(tmp_path / "cache"))
    first, second = tmp_path / "first", tmp_path / "second"
    common = (MODEL, "--board", "host", "--calib", CALIB)
    assert call("build", *common, "--recipe", "best", "--max-drop", "1", "-o", str(first)) == 0
    assert "search    stop" in capsys.readouterr().out
    assert call("build", *common, "--recipe", str(first / "recipe.toml"), "-o", str(second)) == 0
    for path in (first / "src").iterdir():
        assert path.read_bytes() == (second / "src" / path.name).read_bytes()
    report = json.loads((first / "report.json").read_text())
    assert sum(t["chosen"] for t in report["search"]["trials"]) == 1
    page = (first / "report.html").read_text()
    assert 'class="chosen"' in page
    assert page.count("<circle") == len(report["search"]["trials"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ic", "vww"])
def test_mixed_saves_a_third_within_half_a_point_or_a_sample(name: str, shared: Shared) -> None:
    case, spec = real.load(name, shared), real.CASES[name]
    data = load_dataset(str(shared(f"data/{spec.calib}")), spec.preprocess, case.graph)
    j = job_of(case.graph, data.real(), data.y, Target(load_board("cortex-m4")), NO_GOAL,
               lambda plan: (0, 0), lambda what, share: None)
    found = choose_recipe(j, load_recipe("mixed"))
    chosen = next(t for t in found.trials if t.recipe == found.text)
    assert chosen.weight_bytes <= 0.65 * found.trials[0].weight_bytes
    cost = real.cost(case, case.graph, quantize(case.graph, case.calib, found.recipe).graph)
    assert cost.lost_samples <= max(1, 0.005 * cost.samples), cost
