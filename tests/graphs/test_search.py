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
from edgeq.layers import mac_view, without_act
from edgeq.lower import lower
from edgeq.ops.dense import Dense
from edgeq.passes import simplify
from edgeq.quant import quantize
from edgeq.quant.sensitivity import Width, curvature, nearest, sensitivity
from edgeq.readers import read
from edgeq.recipe import Layer, Recipe, Rounding, Search, load_recipe
from edgeq.recipe_text import recipe_text
from edgeq.resources import resource_dir
from edgeq.search import NO_GOAL, Goal, choose_recipe
from edgeq.search.knapsack import front
from edgeq.search.mixed import WIDTHS, Sized, sizes, within
from edgeq.search.trial import Job, expected_drop, float_scores, job_of, meets, try_recipe
from edgeq.search.variants import learned, narrowed
from edgeq.search.widen import widened

Shared = Callable[[str], Path]
DIGITS = resource_dir("examples") / "digits"
MODEL, CALIB = str(DIGITS / "digits.tflite"), str(DIGITS / "digits_calib.npz")
SAMPLES = 64
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


def test_noise_of_a_layer_is_that_of_a_network_with_its_weights_alone() -> None:
    """Leave one in, by brute force: the float network run with the rounded weights of one layer."""
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    real, out = q.float_graph, "logits"
    plain = sensitivity(real, q.graph, j.samples, PLAIN, (Width(8),))
    margins = sensitivity(real, q.graph, j.samples, PLAIN, (Width(8),), margins=True)
    x, judges = {real.ins[0]: j.samples[0]}, slice(1, None, 2)
    want = run_float(real, x, [out])[out].astype(np.float64)
    rows, order = np.arange(len(want)), np.argsort(-want, 1)
    ops = {op.name: op for op in real.ops}
    for by_scores, by_margin in zip(plain.weights, margins.weights, strict=True):
        op = ops[by_scores.layer]
        weight = nearest(real, q.graph, op, PLAIN, Width(8))
        assert weight.data is not None
        data = weight.params.dequantize(weight.data)  # type: ignore[arg-type]
        view, inputs = mac_view(real, op), run_float(real, x, [op.ins[0]])[op.ins[0]]
        bare = without_act(op)
        (y,) = bare.run(inputs, data, view.bias)
        (wanted,) = bare.run(inputs, view.weight, view.bias)
        axes = tuple(range(y.ndim - 1))
        bias = (view.bias + wanted.mean(axes) - y.mean(axes)).astype(np.float32)
        alone = real.with_tensors(Tensor(op.ins[1], data.shape, data),
                                  Tensor(op.ins[2], bias.shape, bias))
        error = run_float(alone, x, [out])[out] - want
        share = (error[judges]**2).sum() / (want[judges]**2).sum()
        assert by_scores.noise == pytest.approx(share, rel=0.02)
        gap = want[rows, order[:, 0]] - want[rows, order[:, 1]]
        moved = error[rows, order[:, 0]] - error[rows, order[:, 1]]
        share = (moved[judges]**2).sum() / (gap[judges]**2).sum()
        assert by_margin.noise == pytest.approx(share, rel=0.02)


def test_curvature_foresees_the_noise_of_single_layers() -> None:
    """Against brute force: of weights moved at random, and of 8-bit weights as measured.

    Rounding keeps each channel's mean, which the second-order expansion does not know: it foresees
    more noise, of all layers by about the same factor.
    """
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    real, rng = q.float_graph, np.random.default_rng(0)
    known = run_float(real, {real.ins[0]: j.samples[0][:16]},
                      keep=[t.name for t in real.activations()])
    for i in (2, 5):
        op = real.ops[i]
        weight = np.asarray(real.const(op.ins[1]), np.float32)
        errors = list[float]()
        for _ in range(20):
            moved = 1e-3 * rng.standard_normal(weight.shape).astype(np.float32)
            changed = real.with_tensors(Tensor(op.ins[1], weight.shape, weight + moved))
            got = run_float(changed, {real.ins[0]: j.samples[0][:16]}, ["logits"])["logits"]
            errors.append(float(((got - known["logits"]).astype(np.float64) ** 2).sum()))
        trace = curvature(real, i, known, "logits", rng, probes=20)
        assert 1e-6 * trace == pytest.approx(np.mean(errors), rel=0.3)
    found = sensitivity(real, q.graph, j.samples, PLAIN, (Width(8),))
    ratio = np.log2([w.predicted / w.noise for w in found.weights])
    assert len(ratio) == 6
    assert np.abs(ratio - ratio.mean()).max() < 1.2


def test_of_few_samples_each_judges_once() -> None:
    j = job()
    few = replace(j, samples=tuple(x[:40] for x in j.samples), y=None if j.y is None else j.y[:40])
    assert len(j.asides) == 1
    assert sum(int(a.sum()) for a in few.asides) == 40
    assert (np.sum(few.asides, axis=0) == 1).all()
    trial = try_recipe(few, PLAIN, "", float_scores(few))
    ends = [try_recipe(few, PLAIN, "", float_scores(few)), trial]
    assert ends[0] == ends[1]
    assert 0 < trial.expected_drop < 0.01


def test_a_saving_is_kept_with_the_least_noise(folder: Path) -> None:
    j = job(Goal(max_drop=5.0, min_saving=25.0))
    found = choose_recipe(j, load_recipe("mixed"), folder)
    chosen = next(t for t in found.trials if t.recipe == found.text)
    saving = [t for t in found.trials if t.weight_bytes <= 0.75 * found.trials[0].weight_bytes]
    assert chosen in saving
    lean = [t for t in saving if t.ram_bytes <= 1.1 * min(s.ram_bytes for s in saving)
            and t.instructions <= 1.1 * min(s.instructions for s in saving)]
    assert chosen.expected_drop == min(t.expected_drop for t in lean)
    assert any("learned rounding" in t.name for t in found.trials)
    assert any("16-bit weights" in t.name for t in found.trials)


def test_learned_rounding_is_for_weights_without_factors() -> None:
    recipe = narrowed(PLAIN, {"a": Width(4), "b": Width(4, 32)})
    first, second = learned(recipe).layers
    assert (first.rounding, second.rounding) == (Rounding.ADAROUND, None)
    assert "learned rounding" in learned(recipe).name
    assert learned(PLAIN) is PLAIN


def test_a_saving_is_for_mixed_precision_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("build", MODEL, "--board", "host", "--calib", CALIB, "--min-saving", "35") == 2
    assert "does not mix precisions" in capsys.readouterr().err


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


def test_widths_that_take_the_arena_beyond_the_budget_are_left_out() -> None:
    """Groups are unpacked into the arena on a Cortex-M4; 4 bits with one factor are not."""
    j = job()
    q = quantize(j.graph, j.samples, PLAIN)
    found = sensitivity(q.float_graph, q.graph, j.samples, PLAIN, ALL_WIDTHS)
    sized = sizes(q.graph, q.float_graph, found, PLAIN, j.target, ALL_WIDTHS)
    eight = lower(q.graph, j.target, "sizes").placement.arena

    def kept(most: int) -> tuple[Sized, ...]:
        return within(most, sized, q.graph, q.float_graph, PLAIN, j.target, ALL_WIDTHS)

    assert kept(100_000) == sized
    assert kept(eight - 1) == sized  # nothing would help
    tight = kept(eight)
    out = [(s.layer, i) for s in tight for i, x in enumerate(s.items) if np.isinf(x.noise)]
    assert out
    assert all(ALL_WIDTHS[i].group for _, i in out)
    scores = float_scores(j)
    for layer, i in out:
        trial = try_recipe(j, narrowed(PLAIN, {layer: ALL_WIDTHS[i]}), "", scores)
        assert trial.arena_bytes > eight
    line = front([s.items for s in tight])
    assert len(line) > 1
    assert all(np.isfinite(s.noise) for s in line)


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
    assert chosen.expected_drop == min(t.expected_drop for t in found.trials
                                       if t.flash_bytes <= flash)
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
def test_mixed_saves_a_third_within_half_a_point(name: str, shared: Shared) -> None:
    case, spec = real.load(name, shared), real.CASES[name]
    data = load_dataset(str(shared(f"data/{spec.calib}")), spec.preprocess, case.graph)
    j = job_of(case.graph, data.real(), data.y, Target(load_board("cortex-m4")), NO_GOAL,
               lambda plan: (0, 0), lambda what, share: None)
    found = choose_recipe(j, load_recipe("mixed"))
    chosen = next(t for t in found.trials if t.recipe == found.text)
    assert chosen.weight_bytes <= 0.65 * found.trials[0].weight_bytes
    cost = real.cost(case, case.graph, quantize(case.graph, case.calib, found.recipe).graph)
    assert cost.lost_samples <= 0.005 * cost.samples, cost
