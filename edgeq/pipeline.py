"""The ordered stages of a build: model and data in, files of a C library out."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from edgeq.balance import balanced
from edgeq.board import Board, Target
from edgeq.ctext import checked_name, model_name
from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.emit import EmitOptions, emit
from edgeq.errors import ToolchainError, UsageError
from edgeq.evaluate import NOT_EVALUATED, Comparison, Evaluation, sqnr_db
from edgeq.execute import run_float, run_float_steps, run_int, run_steps
from edgeq.explicit_states import closed, with_state_values
from edgeq.facts import plan_facts
from edgeq.folder import write
from edgeq.formats import Format, check_format
from edgeq.ir import FloatArray, Graph, IntArray
from edgeq.jsontypes import Json
from edgeq.lower import lower
from edgeq.ops.float_layers import need_fpu
from edgeq.passes import simplify
from edgeq.plan import Plan
from edgeq.quant import Progress, Quantized, quantize
from edgeq.quant import Step as QuantStep
from edgeq.readers import NO_OPTIONS, ReadOptions, read, with_custom
from edgeq.recipe import Precision, Recipe, Search, load_recipe
from edgeq.recipe_text import recipe_text
from edgeq.report import WINDOW_FOLDER, Built, Footprint, Step, Streaming, report
from edgeq.report_html import html
from edgeq.search import NO_GOAL, Chosen, Goal, choose_recipe, job_of
from edgeq.search.report import hurts_more, search_json
from edgeq.streaming import StreamOptions, stream
from edgeq.target.sizes import measure_folder

BATCH = 32  # samples that the comparison runs at once
LAYER_SAMPLES = 16  # calibration samples behind every layer's SQNR
_RANDOM = ("calibrated on random numbers: ranges and accuracy mean nothing; "
           "give real samples with --calib before you ship this")


@dataclass(frozen=True)
class Request:
    """What the user wants built."""

    model: Path
    target: Target
    calib: str | None  # None is fine for a model that is quantized already
    recipe: Recipe
    preprocess: Preprocess = field(default_factory=Preprocess)
    name: str | None = None
    read: ReadOptions = NO_OPTIONS
    stream: StreamOptions | None = None  # build the model as steps
    board_file: Path | None = None  # where the board is a file of the user's
    finetune: int = 0  # epochs of training behind the quantization
    format: Format = Format.C  # the build system that the folder is for
    goal: Goal = NO_GOAL  # of a recipe that searches
    cache: Path | None = None  # folder in which a search keeps what it has tried


@dataclass(frozen=True, eq=False)
class Result:
    """A finished build that is not on disk yet."""

    plan: Plan
    quantized: Quantized
    report: Mapping[str, Json]
    files: Mapping[str, str]  # relative path -> text


def build(request: Request, progress: Progress = lambda what, share: None) -> Result:
    """Every stage in order; raises EdgeqError and leaves nothing behind."""
    name_of(request)  # a name that cannot be is refused before the work
    check_format(request.target, request.format)
    for layer in request.recipe.layers:
        if layer.precision is Precision.FLOAT32:
            need_fpu(f"recipe {request.recipe.name!r}, layer {layer.name!r}", request.target.board)
    request = replace(request, read=with_custom(request.read, request.recipe.custom))
    progress("read the model", 0.0)
    graph = simplify(read(request.model, request.read))
    if is_integer(graph):
        return _finish(request, _Measured(Quantized(graph, graph, (), None), "", 0), progress)
    if request.calib is None:
        raise UsageError("--calib", "no calibration samples are given",
                         ".npz, .npy, a folder with labels.csv, module:function",
                         "give some hundred real samples; --calib random only shows that it builds")
    data = load_dataset(request.calib, request.preprocess, closed(graph))
    feed = balanced(data) if request.recipe.balance else data
    samples, chosen = with_state_values(graph, feed.real()), None

    def apply(recipe: Recipe) -> _Made:
        made = quantize(graph, tuple(samples[n] for n in graph.ins), recipe, progress)
        if request.finetune:
            made = _finetuned(made, samples, request.finetune, progress)
        return made, compare(graph, made.graph, data, progress)

    if request.recipe.search is Search.NONE:
        quantized, evaluation = apply(request.recipe)
    else:
        job = job_of(graph, samples, feed.y, request.target, request.goal,
                     partial(_code_size, request), progress)
        chosen = choose_recipe(job, request.recipe, request.cache)
        chosen, (quantized, evaluation) = _not_worse(request.recipe, chosen, apply)
    warnings = (_RANDOM,) if data.is_random else ()
    measured = _Measured(quantized, data.source, len(data), evaluation,
                         layer_sqnr(quantized, samples), warnings, chosen)
    return _finish(request, measured, progress)


_Made = tuple[Quantized, Evaluation]  # of a recipe on all samples, and what it costs there


def _not_worse(asked: Recipe, chosen: Chosen,
               apply: Callable[[Recipe], _Made]) -> tuple[Chosen, _Made]:
    """What a search chose; of an escalation `default` where that does better on all samples."""
    made = apply(chosen.recipe)
    plain = replace(load_recipe("default"), scale=asked.scale, offset=asked.offset,
                    label_offset=asked.label_offset, balance=asked.balance, custom=asked.custom,
                    layers=asked.layers)
    if asked.search is not Search.ESCALATE or chosen.recipe == plain:
        return chosen, made
    other = apply(plain)
    if not hurts_more(made[1], other[1]):
        return chosen.with_note("on all samples it is at least as good as default"), made
    note = f"on all samples {chosen.recipe.name} loses more than default: default is taken"
    return replace(chosen.with_note(note), recipe=plain, text=recipe_text(plain)), other


def _code_size(request: Request, plan: Plan) -> tuple[int, int]:
    """(code, stack) bytes where a budget asks for them and the compiler is there, else zeros."""
    if request.goal.max_flash is None and request.goal.max_ram is None:
        return 0, 0
    sizes, _ = footprint(emit(plan), request.target.board)
    return (0, 0) if sizes is None else (sizes.code, sizes.stack or 0)


def _finetuned(start: Quantized, samples: Mapping[str, FloatArray], epochs: int,
               progress: Progress) -> Quantized:
    """`start` after so many epochs; imported here, for PyTorch is optional and slow to load."""
    from edgeq.qat import Tuning, finetuned

    inputs = [samples[name] for name in start.graph.ins]
    return finetuned(start, inputs, Tuning(epochs=epochs), progress)


@dataclass(frozen=True, eq=False)
class _Measured:
    """The integer graph and what is known of its quality."""

    quantized: Quantized
    source: str  # of the samples
    samples: int
    evaluation: Evaluation = NOT_EVALUATED
    layer_sqnr: Mapping[str, float | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    chosen: Chosen | None = None  # where a search looked for the recipe


def _finish(request: Request, measured: _Measured, progress: Progress) -> Result:
    """The stages behind quantization: lower, emit, measure, report."""
    quantized = measured.quantized
    plan, files, streaming = _library(request, quantized.graph)
    progress("measure the code", 0.0)
    sizes, warnings = footprint(files, request.target.board)
    built = Built(
        model=request.model, read=request.read, plan=plan,
        recipe=(request.recipe if measured.chosen is None else measured.chosen.recipe).name,
        source=measured.source, samples=measured.samples,
        preprocess=request.preprocess, board_file=request.board_file,
        steps=tuple(Step(s.name, s.kept, _step_note(s)) for s in quantized.steps),
        float_vs_int=measured.evaluation, layer_sqnr=measured.layer_sqnr,
        warnings=measured.warnings + warnings + _too_large(plan, sizes), streaming=streaming)
    content = report(built, sizes)
    if measured.chosen is not None:
        content["search"] = search_json(measured.chosen)
        files["recipe.toml"] = measured.chosen.text
    files["report.json"] = json.dumps(content, indent=2) + "\n"
    files["report.html"] = html(content)
    progress("measure the code", 1.0)
    return Result(plan, quantized, content, files)


def _too_large(plan: Plan, sizes: Footprint | None) -> tuple[str, ...]:
    """Warnings where the memories of the board, as its file has them, are smaller than needed."""
    board, facts = plan.target.board, plan_facts(plan)
    ram, flash = facts["arena_bytes"], facts["weights_bytes"] + facts["const_bytes"]
    if sizes is not None:
        ram, flash = ram + (sizes.stack or 0), sizes.flash
    needs = (("RAM", ram, board.ram), ("flash", flash, board.flash))
    return tuple(f"{what}: {need:,} bytes are needed, {board.name} has {there:,}"
                 for what, need, there in needs if 0 < there < need)


def _library(request: Request, graph: Graph) -> tuple[Plan, dict[str, str], Streaming | None]:
    """The plan and the files; of a streamed model also those of the window, in window/."""
    name = name_of(request)
    whole = lower(closed(graph), request.target, name)
    options = EmitOptions(format=request.format)
    if request.stream is None:
        return whole, emit(whole, options), None
    if graph.states:
        raise UsageError("--stream", "the model keeps states of its own: a run is a step already",
                         "a model over a window", "build without --stream")
    streamed = stream(graph, request.stream)
    plan = lower(streamed.graph, request.target, name)
    twin = emit(whole, EmitOptions(host_twin=False, quant_helpers=False))
    files = emit(plan, options) | {f"{WINDOW_FOLDER}/{path}": text for path, text in twin.items()
                          if path.startswith(("include/", "src/", "report.json"))}
    return plan, files, Streaming(streamed, plan_facts(whole))


def name_of(request: Request) -> str:
    """The prefix of the C symbols."""
    return model_name(request.model) if request.name is None else checked_name(request.name)


def footprint(files: Mapping[str, str], board: Board) -> tuple[Footprint | None, tuple[str, ...]]:
    """What the board's compiler makes of `files`, and warnings; None without that compiler."""
    if shutil.which(board.compiler) is None:
        return None, ()
    try:
        with tempfile.TemporaryDirectory(prefix="edgeq-") as name:
            folder = Path(name) / "library"
            write(files, folder)
            sizes = measure_folder(folder, board)
    except ToolchainError as error:
        return None, (f"code size not measured: {error}",)
    return Footprint(sizes.code, sizes.flash, sizes.stack), ()


def is_integer(graph: Graph) -> bool:
    """True for a model whose file was quantized already."""
    return all(graph.tensor(name).q is not None for name in graph.ins)


def compare(graph: Graph, ints: Graph, data: Dataset, progress: Progress) -> Evaluation:
    """The float `graph` against the integer graph `ints` over all of `data`."""
    if graph.states:
        return _compare_steps(closed(graph), closed(ints), data)
    comparison = Comparison({name: ints.tensor(name).params for name in ints.outs})
    for start, batch in data.batches(BATCH):
        comparison.add(run_float(graph, batch), run_int(ints, quantized_inputs(ints, batch)))
        progress("compare with float", min(1.0, (start + BATCH) / len(data)))
    return comparison.result(data.y, data.group)


def _compare_steps(graph: Graph, ints: Graph, data: Dataset) -> Evaluation:
    """The same for graphs with states: all of `data` is one sequence."""
    batch = data.real()
    comparison = Comparison({name: ints.tensor(name).params for name in ints.outs})
    want = run_float_steps(graph, {n: x[None] for n, x in batch.items()})
    got = run_steps(ints, {n: q[None] for n, q in quantized_inputs(ints, batch).items()})
    comparison.add({n: y[0] for n, y in want.items()}, {n: y[0] for n, y in got.items()})
    return comparison.result(data.y, data.group)


def layer_sqnr(quantized: Quantized,
               samples: Mapping[str, FloatArray]) -> dict[str, float | None]:
    """Signal to noise in dB of every activation, on the first of `samples`."""
    ints, batch = quantized.graph, {n: x[:LAYER_SAMPLES] for n, x in samples.items()}
    names = [tensor.name for tensor in ints.activations()]
    got = run_int(ints, quantized_inputs(ints, batch), keep=names)
    ratios: dict[str, float | None] = {}

    def see(name: str, value: FloatArray) -> None:
        if name in got:
            real = value.astype(np.float64)
            error = ints.tensor(name).params.dequantize(got.pop(name)) - real
            ratios[name] = sqnr_db(float(np.vdot(real, real)), float(np.vdot(error, error)))

    run_float(quantized.float_graph, batch, keep=(), on_tensor=see)
    return ratios


def quantized_inputs(ints: Graph, batch: Mapping[str, FloatArray]) -> dict[str, IntArray]:
    """The integers that the C code is given for the real values `batch`."""
    return {name: ints.tensor(name).params.quantize(x) for name, x in batch.items()}


def _step_note(step: QuantStep) -> str:
    """What a step did to the samples set aside."""
    if step.before is None or step.after is None:
        return "not measured"
    return (f"SQNR {step.before.sqnr_db:.2f} → {step.after.sqnr_db:.2f} dB, agreement "
            f"{100 * step.before.agreement:.1f} → {100 * step.after.agreement:.1f} %")
