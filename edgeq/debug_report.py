"""What `edgeq debug` writes: JSON content, and a page with drawings made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import edgeq
from edgeq.balance import balanced
from edgeq.dataset import ArraySamples, Dataset, Preprocess, load_dataset
from edgeq.debug import SAMPLES, Histograms, LayerError, LayerErrors, layer_errors
from edgeq.doctor import examine
from edgeq.errors import UsageError
from edgeq.evaluate import Evaluation, Share
from edgeq.explicit_states import closed, with_state_values
from edgeq.finding import Finding
from edgeq.jsontypes import Json
from edgeq.numbertext import percent_text
from edgeq.passes import simplify
from edgeq.pipeline import compare, is_integer
from edgeq.quant import Progress, quantize
from edgeq.readers import NO_OPTIONS, ReadOptions, read, with_custom
from edgeq.recipe import Recipe
from edgeq.report import evaluation_json
from edgeq.report_html import sqnr_class
from edgeq.resources import resource_dir

CHART_WIDTH, CHART_HEIGHT, _TOP_DB = 1000.0, 260.0, 60.0
_LEFT, _FLOOR = 48.0, 232.0


@dataclass(frozen=True)
class Debugged:
    """Everything that is known about the loss of one model."""

    model: str
    recipe: str
    source: str
    layers: LayerErrors
    evaluation: Evaluation
    findings: tuple[Finding, ...]

    @property
    def worst_class(self) -> Share | None:
        """The class that quantization hurts most; None where none loses anything."""
        return _worst(self.evaluation.per_class)

    @property
    def worst_group(self) -> Share | None:
        """The group that quantization hurts most; None where none loses anything."""
        return _worst(self.evaluation.groups)


def _worst(shares: Sequence[Share]) -> Share | None:
    worst = max(shares, key=lambda s: s.drop, default=None)
    return worst if worst is not None and worst.drop > 0 else None


def debug(model: Path, calib: str, recipe: Recipe, preprocess: Preprocess,
          samples: int = SAMPLES, progress: Progress = lambda what, share: None,
          options: ReadOptions = NO_OPTIONS) -> Debugged:
    """Examine the samples, quantize as `edgeq build` does, and measure; raises EdgeqError.

    The layers of a model with states are measured in single steps, from the float states; the
    evaluation runs the whole sequence, in which errors add up.
    """
    progress("read the model", 0.0)
    graph = simplify(read(model, with_custom(options, recipe.custom)))
    if is_integer(graph):
        raise UsageError(str(model), "is quantized already", "a float model",
                         "there is no float network to compare with")
    progress("examine the samples", 0.0)
    steps = load_dataset(calib, preprocess, closed(graph))
    diagnosis = examine(closed(graph), steps)
    # the steps of a sequence stay all, in their order
    data = steps if graph.states else diagnosis.data
    progress("examine the samples", 1.0)
    real = with_state_values(
        graph, (balanced(data) if recipe.balance and not graph.states else data).real())
    quantized = quantize(graph, tuple(real[n] for n in graph.ins), recipe, progress)
    evaluation = compare(graph, quantized.graph, data, progress)
    each = data if not graph.states else Dataset(
        {n: ArraySamples(x[:samples], x.shape[1:]) for n, x in real.items()},
        source=data.source)
    layers = layer_errors(quantized, each, samples, progress)
    return Debugged(model.stem, recipe.name, calib, layers, evaluation, diagnosis.findings)


def debug_json(d: Debugged) -> dict[str, Json]:
    """What `edgeq debug --json` prints and debug.json holds."""
    return {
        "edgeq": edgeq.__version__, "model": d.model, "recipe": d.recipe, "data": d.source,
        "findings": [{"kind": f.kind.value, "where": f.where, "text": f.text, "fix": f.fix}
                     for f in d.findings],
        "float_vs_int": evaluation_json(d.evaluation),
        "worst_class": _share_json(d.worst_class), "worst_group": _share_json(d.worst_group),
        "layer_samples": d.layers.samples, "measured": d.layers.measured,
        "output_sqnr_db": _db(d.layers.output_db),
        "layers": [_layer_json(layer) for layer in d.layers.layers],
        "ranking": [layer.name for layer in d.layers.ranking],
    }


def _share_json(s: Share | None) -> Json:
    return None if s is None else {"name": s.name, "samples": s.samples, "drop": s.drop}


def _layer_json(e: LayerError) -> dict[str, Json]:
    h = e.histograms
    return {
        "name": e.name, "op": e.op, "tensor": e.tensor, "shape": list(e.shape),
        "weight_bits": e.weight_bits, "range": list(e.range), "grid": list(e.grid),
        "sqnr_db": _db(e.cumulative_db), "isolated_sqnr_db": _db(e.isolated_db),
        "mean_shift": e.mean_shift, "clipped": e.clipped, "output_sqnr_db": _db(e.output_db),
        "agreement": e.agreement, "without_sqnr_db": _db(e.without_db),
        "curvature_sqnr_db": _db(e.curvature_db), "weights_sqnr_db": _db(e.weights_db),
        "histogram": {"low": h.low, "high": h.high, "float": list(h.real), "int": list(h.ints)},
    }


def _db(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@dataclass(frozen=True)
class Chart:
    """SQNR over the layers: polylines and axis marks in SVG units."""

    cumulative: str
    isolated: str
    marks: tuple[tuple[float, str], ...]  # (y, text) of the decibel axis
    dots: tuple[tuple[float, float, str, str], ...]  # x, y, class, title
    width: float = CHART_WIDTH
    height: float = CHART_HEIGHT
    left: float = _LEFT


def chart(layers: Sequence[LayerError]) -> Chart:
    """The drawing; no error at all is drawn at the top."""
    step = (CHART_WIDTH - _LEFT - 16) / max(1, len(layers) - 1)

    def y(db: float | None) -> float:
        return _FLOOR - min(max(_TOP_DB if db is None else db, 0.0), _TOP_DB) / _TOP_DB * (
            _FLOOR - 10)

    def line(values: Sequence[float | None]) -> str:
        return " ".join(f"{_LEFT + 8 + i * step:.1f},{y(v):.1f}" for i, v in enumerate(values))

    dots = tuple((_LEFT + 8 + i * step, y(e.cumulative_db), sqnr_class(e.cumulative_db),
                  f"{i} {e.name}: cumulative {decibel_text(e.cumulative_db)}, "
                  f"isolated {decibel_text(e.isolated_db)}") for i, e in enumerate(layers))
    marks = tuple((y(float(db)), f"{db} dB") for db in range(0, 61, 10))
    return Chart(line([e.cumulative_db for e in layers]), line([e.isolated_db for e in layers]),
                 marks, dots)


def bars(h: Histograms) -> tuple[tuple[float, float, float], ...]:
    """(x, height of float, height of integer) per bin; roots of counts, in 200 x 40 units."""
    top = max(1, *h.real, *h.ints) ** 0.5
    width = 200.0 / len(h.real)
    return tuple((i * width, 40 * a**0.5 / top, 40 * b**0.5 / top)
                 for i, (a, b) in enumerate(zip(h.real, h.ints, strict=True)))


def decibel_text(value: float | None) -> str:
    """Decibels for a reader; None is no error at all."""
    return "exact" if value is None else f"{value:.1f} dB"


def html(d: Debugged) -> str:
    """debug.html: inline style and drawings, nothing loaded from elsewhere, light and dark."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(loader=FileSystemLoader(resource_dir("templates")), autoescape=True,
                      undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                      keep_trailing_newline=True)
    env.filters["percent"] = percent_text
    env.filters["decibel"] = decibel_text
    env.filters["sqnr_class"] = sqnr_class
    env.filters["bars"] = bars
    shares: Mapping[str, Sequence[Share]] = {"Class": d.evaluation.per_class,
                                             "Group": d.evaluation.groups}
    return env.get_template("debug.html.j2").render(
        d=d, version=edgeq.__version__, chart=chart(d.layers.layers), shares=shares)
