"""`edgeq debug`: figures that agree with independent runs, a whole page, one-line errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tflite_models import ModelFile, schema

from edgeq.cli import main
from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.debug import LayerErrors, layer_errors
from edgeq.debug_report import debug, html
from edgeq.evaluate import sqnr_db
from edgeq.execute import run_float, run_int
from edgeq.layers import is_mac
from edgeq.passes import simplify
from edgeq.pipeline import layer_sqnr
from edgeq.quant import Quantized, quantize
from edgeq.readers import read
from edgeq.recipe import load_recipe
from edgeq.resources import resource_dir

DIGITS = resource_dir("examples") / "digits"
MODEL, CALIB, EVAL = (str(DIGITS / name) for name in
                      ("digits.tflite", "digits_calib.npz", "digits_eval.npz"))


def call(*args: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(args)
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(CALIB, Preprocess(), simplify(read(Path(MODEL))))


@pytest.fixture(scope="module")
def quantized(data: Dataset) -> Quantized:
    graph = simplify(read(Path(MODEL)))
    return quantize(graph, tuple(data.real()[n] for n in graph.ins), load_recipe("fast"))


@pytest.fixture(scope="module")
def errors(quantized: Quantized, data: Dataset) -> LayerErrors:
    return layer_errors(quantized, data, 16)


def test_cumulative_error_is_that_of_the_build_report(
        quantized: Quantized, data: Dataset, errors: LayerErrors) -> None:
    want = layer_sqnr(quantized, data.real())  # on the first 16 samples, as here
    assert errors.samples == 16
    for layer in errors.layers:
        assert layer.cumulative_db == pytest.approx(want[layer.tensor])


def test_first_layer_alone_is_the_first_layer(errors: LayerErrors) -> None:
    first = errors.layers[0]
    assert first.isolated_db == first.cumulative_db
    assert first.isolated_db is not None
    assert all(e.cumulative_db is None or e.isolated_db is None
               or e.isolated_db > e.cumulative_db - 0.1 for e in errors.layers)


def test_the_last_layer_with_weights_shows_its_own_error_at_the_output(
        errors: LayerErrors) -> None:
    (logits,) = [e for e in errors.layers if e.tensor == errors.measured]
    assert logits.output_db == logits.isolated_db
    assert errors.output_db == logits.cumulative_db


def test_shift_clipping_and_histograms_by_hand(
        quantized: Quantized, data: Dataset, errors: LayerErrors) -> None:
    batch = data.real(0, 16)
    ints = quantized.graph
    names = {e.tensor for e in errors.layers}
    real = run_float(quantized.float_graph, batch, keep=names)
    got = run_int(ints, {n: ints.tensor(n).params.quantize(x) for n, x in batch.items()}, names)
    for e in errors.layers:
        w, params = real[e.tensor].astype(np.float64), ints.tensor(e.tensor).params
        q = params.dequantize(got[e.tensor])
        assert e.mean_shift == pytest.approx((q - w).mean() / w.std(), rel=1e-4, abs=1e-7)
        assert e.range == (w.min(), w.max())
        half = float(params.scale) / 2
        assert e.clipped == np.mean((w < e.grid[0] - half) | (w > e.grid[1] + half))
        h = e.histograms
        assert sum(h.real) == sum(h.ints) == w.size
        want = np.histogram(w, bins=len(h.real), range=(h.low, h.high))[0]
        assert np.abs(want - h.real).sum() <= 0.01 * w.size + 2  # float32 against float64 edges


def test_ranking_puts_a_spoiled_layer_first(quantized: Quantized, data: Dataset) -> None:
    """Weights of one layer shifted by four bits and back: its noise must lead every list."""
    victim = [op for op in quantized.graph.ops if is_mac(op)][2]
    weight = quantized.graph.tensor(victim.ins[1])
    coarse = (quantized.graph.integers(weight.name) // 16 * 16).astype(np.int8)
    spoiled = replace(quantized, graph=quantized.graph.with_tensors(replace(weight, data=coarse)))
    found = layer_errors(spoiled, data, 8)
    assert found.ranking[0].name == victim.name
    noisy = [e for e in found.layers if e.isolated_db is not None]
    assert min(noisy, key=lambda e: e.isolated_db or 0.0).name == victim.name
    before = next(e for e in layer_errors(quantized, data, 8).layers if e.name == victim.name)
    after = found.ranking[0]
    assert before.output_db is not None
    assert after.output_db is not None
    assert after.output_db < before.output_db - 10


def test_batches_do_not_change_the_figures(
        quantized: Quantized, data: Dataset, errors: LayerErrors,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeq.debug._BATCH_VALUES", 12000)
    for one, other in zip(layer_errors(quantized, data, 16).layers, errors.layers, strict=True):
        assert one.output_db == (None if other.output_db is None
                                 else pytest.approx(other.output_db, abs=1e-3))
        assert one.isolated_db == (None if other.isolated_db is None
                                   else pytest.approx(other.isolated_db, abs=1e-3))
        assert one.clipped == other.clipped


def test_noise_of_one_operator_by_hand(quantized: Quantized, data: Dataset,
                                       errors: LayerErrors) -> None:
    """The first layer in integers, the others in float."""
    real, ints, (source,) = quantized.float_graph, quantized.graph, quantized.graph.ins
    batch, first = data.real(0, 16), ints.ops[0]
    q = ints.tensor(source).params.quantize(batch[source])
    name = first.outs[0]
    mixed = ints.tensor(name).params.dequantize(run_int(ints, {source: q}, [name])[name])
    rest = real.replace(ops=real.ops[1:], ins=(name,))
    want = run_float(real, batch, [errors.measured])[errors.measured].astype(np.float64)
    got = run_float(rest, {name: mixed}, [errors.measured])[errors.measured]
    expected = sqnr_db(float((want**2).sum()), float(((got - want) ** 2).sum()))
    assert errors.layers[0].output_db == pytest.approx(expected)


def test_each_operator_left_in_and_left_out_by_brute_force(
        quantized: Quantized, data: Dataset, errors: LayerErrors) -> None:
    """Operator by operator: in integers, or in float on the reals that it is given.

    What an operator in float gives is not rounded; who reads that computes in float on its own
    grid of weights and rounds again. `layer_errors` goes on so to the end, here integers follow:
    single values round otherwise, so that the noise of the others scatters by some tenths of a dB.
    """
    real, ints, batch = quantized.float_graph, quantized.graph, data.real(0, 16)
    want = run_float(real, batch, [errors.measured])[errors.measured].astype(np.float64)
    constants = {n: t.params.dequantize(ints.integers(n))
                 for n, t in ints.tensors.items() if t.data is not None and t.q is not None}

    def noise(in_integers: Callable[[int], bool]) -> float | None:
        values = {n: ints.tensor(n).params.dequantize(ints.tensor(n).params.quantize(x))
                  if in_integers(-1) else x for n, x in batch.items()}
        fine = set[str]() if in_integers(-1) else set(batch)
        for i, (op, int_op) in enumerate(zip(real.ops, ints.ops, strict=True)):
            (name,) = op.outs
            q, plain = ints.tensor(name).params, not fine & set(op.ins)
            if in_integers(i) and (plain or not in_integers(-1)):
                (got,) = int_op.run_int(ints, *(
                    ints.tensor(n).data if n in constants or ints.tensor(n).data is not None
                    else ints.tensor(n).params.quantize(values[n]) for n in int_op.ins))
                values[name] = q.dequantize(got)
            else:
                held = constants if in_integers(i) else {
                    n: np.asarray(t.data) for n, t in real.tensors.items() if t.data is not None}
                (values[name],) = op.run(*(held[n] if n in held else values.get(
                    n, ints.tensor(n).data) for n in op.ins))
                if in_integers(i) and not op.is_view:
                    values[name] = q.dequantize(q.quantize(values[name]))
                else:
                    fine.add(name)
            if name == errors.measured:
                break
        error = values[errors.measured] - want
        return sqnr_db(float((want**2).sum()), float((error**2).sum()))

    for i, e in enumerate(errors.layers):
        if real.ops[i].is_view or i == len(errors.layers) - 1:
            continue  # nothing is rounded there, or behind what is measured
        assert e.output_db == pytest.approx(noise(lambda j, i=i: j == i), abs=0.05), e.name
        assert e.without_db == pytest.approx(noise(lambda j, i=i: j != i), abs=1.0), e.name


def test_json_and_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert call("debug", MODEL, "--calib", EVAL, "--recipe", "fast", "--samples", "8", "--json",
                "-o", str(folder)) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads((folder / "debug.json").read_text())
    assert content["findings"] == []
    assert content["layer_samples"] == 8
    assert len(content["layers"]) == 10
    assert content["layers"][0]["weight_bits"] == 8
    assert set(content["ranking"]) <= {layer["name"] for layer in content["layers"]}
    drops = {g["name"]: g["float_accuracy"] - g["int_accuracy"]
             for g in content["float_vs_int"]["groups"]["accuracy"]}
    assert set(drops) == {"bold", "light", "medium"}
    worst = content["worst_group"]
    assert (worst is None) == (max(drops.values()) <= 0)
    if worst is not None:
        assert worst["drop"] == max(drops.values()) == drops[worst["name"]]
    assert call("debug", MODEL, "--calib", EVAL, "-o", str(folder), "--samples", "2") == 0


def test_terminal_names_what_is_wrong(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = np.load(CALIB)
    x = good["x"].astype(np.float32)
    x[3, 0, 0] = np.nan
    np.savez(tmp_path / "bad.npz", x=x[:20], y=good["y"][:20])
    assert call("debug", MODEL, "--calib", str(tmp_path / "bad.npz"), "--recipe", "fast") == 0
    out = capsys.readouterr().out
    assert "1 of 20 samples (index 3) hold NaN" in out
    assert "19 samples to calibrate with" in out
    assert "most sensitive" in out


class _Page(HTMLParser):
    VOID = ("meta", "rect", "line", "br", "polyline", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data")]
        if tag in ("script", "iframe", "link"):
            self.loads.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_whole_and_loads_nothing() -> None:
    found = debug(Path(MODEL), EVAL, load_recipe("fast"), Preprocess(), 4)
    page = _Page()
    text = html(replace(found, source="<b>bold</b>"))
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "<b>bold</b>" not in text
    assert text.count("<svg") == 1 + len(found.layers.layers)
    assert all(e.name in text for e in found.layers.layers)


@pytest.mark.parametrize(("args", "message"), [
    (("none.tflite", "--calib", CALIB), "none.tflite"),
    ((MODEL, "--calib", "none.npz"), "none.npz"),
    ((MODEL, "--calib", CALIB, "--recipe", "none"), "none"),
    ((MODEL, "--calib", CALIB, "--scale", "x"), "--scale"),
    ((MODEL, "--calib", CALIB, "-o", "."), "was not made by edgeq"),
])
def test_bad_input_is_one_line_and_2(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
        args: tuple[str, ...], message: str) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    assert call("debug", *args) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("edgeq: error: ")
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert captured.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_integer_models_are_refused(
        shared: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    model = shared("models/mlperf_kws_int8.tflite")
    assert call("debug", str(model), "--calib", "random") == 2
    assert "quantized already" in capsys.readouterr().err


def test_good_real_data_raises_no_suspicion_about_preprocessing(
        shared: Callable[[str], Path]) -> None:
    from edgeq.doctor import examine
    from edgeq.finding import Kind
    graph = simplify(read(shared("models/mlperf_ic_float32.tflite")))
    spec = str(shared("data/cifar10_calib.npz"))
    about = {Kind.INPUT_RANGE, Kind.CHANNEL_ORDER, Kind.LABEL_OFFSET, Kind.ONE_ANSWER}
    assert not about & {f.kind for f in examine(graph, load_dataset(
        spec, Preprocess(), graph)).findings}
    wrong = load_dataset(spec, Preprocess((1 / 255,)), graph)  # the net wants 0 to 255
    assert Kind.INPUT_RANGE in {f.kind for f in examine(graph, wrong).findings}


def test_a_layer_is_not_charged_for_what_corrects_earlier_ones(data: Dataset) -> None:
    """A bias that only makes up for errors before it makes no error of the layer itself."""
    graph = simplify(read(Path(MODEL)))
    plain = quantize(graph, tuple(data.real()[n] for n in graph.ins), load_recipe("fast"))
    before = layer_errors(plain, data, 16)
    op = [o for o in plain.graph.ops if is_mac(o)][2]
    bias = plain.graph.tensor(op.ins[2])
    off = bias.data + np.int32(3000)  # type: ignore[operator]
    shifted = replace(plain, graph=plain.graph.with_tensors(replace(bias, data=off)))
    after = layer_errors(shifted, data, 16)
    pairs = {e.name: (e, other) for e, other in zip(before.layers, after.layers, strict=True)}
    one, other = pairs[op.name]
    assert other.cumulative_db is not None
    assert one.cumulative_db is not None
    assert other.cumulative_db < one.cumulative_db - 3  # it does move the integers
    assert other.isolated_db == pytest.approx(one.isolated_db, abs=1.0)
    assert other.output_db == pytest.approx(one.output_db, abs=1.0)


def test_leaving_one_out_leaves_the_others(quantized: Quantized, data: Dataset,
                                           errors: LayerErrors) -> None:
    """The last layer in float on what the integers before it gave; and none makes it far worse."""
    real, ints = quantized.float_graph, quantized.graph
    op = next(o for o in real.ops if o.outs[0] == errors.measured)
    batch = data.real(0, 16)
    q = {n: ints.tensor(n).params.quantize(x) for n, x in batch.items()}
    got = run_int(ints, q, keep=[op.ins[0]])[op.ins[0]]
    (out,) = op.run(ints.tensor(op.ins[0]).params.dequantize(got),
                    *(np.asarray(real.const(n)) for n in op.ins[1:]))
    want = run_float(real, batch, keep=[errors.measured])[errors.measured].astype(np.float64)
    (last,) = [e for e in errors.layers if e.tensor == errors.measured]
    assert last.without_db == pytest.approx(sqnr_db(float((want**2).sum()),
                                                    float(((out - want) ** 2).sum())))
    assert errors.output_db is not None
    assert all(e.without_db is None or e.without_db > errors.output_db - 1 for e in errors.layers)


def test_proxies_are_there_for_layers_with_weights(errors: LayerErrors) -> None:
    for e in errors.layers:
        assert (e.weights_db is None) == (e.weight_bits is None) == (e.curvature_db is None)
        if e.weights_db is not None:
            assert 30 < e.weights_db < 60


def test_a_model_with_states(tmp_path: Path) -> None:
    """Its layers in single steps from the float states, the evaluation over the sequence."""
    rng = np.random.default_rng(4)
    m = ModelFile()
    x, state, y = m.tensor("x", (1, 6)), m.tensor("kept", (1, 8 * 5)), m.tensor("y", (1, 4))
    m.tensors[state].isVariable = True  # type: ignore[attr-defined]
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = 2, 0
    f, t, b = (rng.normal(0, 0.4, s).astype(np.float32) for s in ((8, 6), (8, 5), (4,)))
    m.op("SVDF", [x, m.const("f", f), m.const("t", t), m.const("b", b), state], [y], options)
    path = m.write(tmp_path / "m.tflite", [x], [y])
    np.savez(tmp_path / "x.npz", x=np.sin(np.outer(np.arange(200), np.arange(1, 7) / 9)))
    found = debug(path, str(tmp_path / "x.npz"), load_recipe("default"), Preprocess(), 16)
    (layer,) = found.layers.layers
    assert layer.op == "Svdf"
    assert found.layers.samples == 16
    assert layer.output_db is not None
    assert layer.output_db > 30
    assert found.evaluation.samples == 200
