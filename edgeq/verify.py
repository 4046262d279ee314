"""A built folder against its float model and against its board."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeq.board import Board, load_board
from edgeq.dataset import Dataset, Preprocess, load_dataset
from edgeq.errors import DataError, UsageError
from edgeq.evaluate import Comparison, Evaluation
from edgeq.execute import run_float_steps
from edgeq.explicit_states import closed
from edgeq.floatmodel import FloatModel
from edgeq.host import HostModel
from edgeq.ir import FloatArray, Graph, IntArray, QuantParams, dtype_of
from edgeq.passes import simplify
from edgeq.quant import Progress
from edgeq.readers import ReadOptions, read, with_custom
from edgeq.report import digest
from edgeq.streaming import Framing, InputFrames, OutputRows, StreamMode
from edgeq.target.folder import run_folder

BATCH = 64  # samples that the float network runs at once
_NOISE_SAMPLES = 4  # where the user gives no data
_SEED = 0


@dataclass(frozen=True, eq=False)
class BuiltFolder:
    """What report.json of a built folder tells."""

    path: Path
    name: str
    board: str  # name, or path of a TOML file
    model: Path
    sha256: str
    read: ReadOptions  # without custom operators
    custom: tuple[str, ...]
    preprocess: Preprocess
    inputs: Mapping[str, QuantParams]
    outputs: Mapping[str, QuantParams]
    shapes: Mapping[str, tuple[int, ...]]  # of the inputs, with the batch of 1
    framing: Framing | None  # of a model built with --stream
    stateful: bool  # a run is a step of a sequence
    isa: tuple[str, ...]  # instruction sets of its kernels, without "c"


@dataclass(frozen=True)
class Difference:
    """The first byte in which the board and the host differ."""

    sample: int
    output: int
    element: int
    board: int
    host: int


@dataclass(frozen=True, eq=False)
class Check:
    """What running on the board showed."""

    samples: int
    values: int  # outputs compared
    difference: Difference | None
    stack_used: int | None


def open_folder(path: Path) -> BuiltFolder:
    """The folder that `edgeq build` made at `path`; raises UsageError."""
    try:
        report = json.loads((path / "report.json").read_text(encoding="utf-8"))
        prep = report["preprocess"]
        return BuiltFolder(
            path, report["model"], report["target"].get("file") or report["board"],
            Path(report["source"]["path"]), report["source"]["sha256"],
            ReadOptions({n: tuple(s) for n, s in report["source"].get("shapes", {}).items()},
                        report["source"].get("fixed", {}),
                        tuple((s, r) for s, r in report["source"].get("states", []))),
            tuple(report["source"].get("custom", [])),
            Preprocess(tuple(prep["scale"]), tuple(prep["offset"]), prep["label_offset"]),
            {t["name"]: _params(t) for t in report["inputs"]},
            {t["name"]: _params(t) for t in report["outputs"]},
            {t["name"]: tuple(t["shape"]) for t in report["inputs"]},
            _framing(**report["streaming"]) if "streaming" in report else None,
            report.get("state_bytes", 0) > 0,
            tuple(isa for isa in report["target"]["isa"] if isa != "c" and any(
                layer["kernel"].endswith(f"_{isa}") for layer in report["layers"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(str(path), "is not a folder made by `edgeq build` "
                         f"({type(error).__name__})", "a folder with report.json",
                         "run `edgeq build` first") from None


def model_graph(folder: BuiltFolder, model: Path | None) -> Graph:
    """The network that `folder` was made from, or the one in `model`.

    Raises DataError where the file has moved or is another one now.
    """
    options = with_custom(folder.read, folder.custom)
    if model is not None:
        return simplify(read(model, options))
    if not folder.model.is_file():
        raise DataError(str(folder.model), "the model is no longer there", "",
                        "give its new place with --model")
    if digest(folder.model) != folder.sha256:
        raise DataError(str(folder.model), "the model has changed since the build", "",
                        "build again, or give the old file with --model")
    return simplify(read(folder.model, options))


def evaluate(folder: BuiltFolder, spec: str, preprocess: Preprocess, model: Path | None,
             progress: Progress) -> Evaluation:
    """The float network against the generated C, compiled for this machine, on the data `spec`."""
    graph = model_graph(folder, model)
    _check_comparable(folder, closed(graph))
    if graph.states:
        return _evaluate_steps(folder, closed(graph), load_dataset(spec, preprocess, closed(graph)))
    data = load_dataset(spec, preprocess, graph)
    network = FloatModel(model or folder.model, graph)
    progress("compile", 0.0)
    host = HostModel(folder.path)
    progress("compile", 1.0)
    comparison = Comparison(folder.outputs)
    for start, batch in data.batches(BATCH):
        ints = dict(zip(folder.outputs, host.run(*_stored(folder, batch)), strict=True))
        if folder.framing is not None:
            ints = {name: folder.framing.from_steps(name, y) for name, y in ints.items()}
        comparison.add(network.run(batch), ints)
        progress("evaluate", min(1.0, (start + BATCH) / len(data)))
    return comparison.result(data.y, data.group)


def _evaluate_steps(folder: BuiltFolder, graph: Graph, data: Dataset) -> Evaluation:
    """The same for a model with states: all of `data` is one sequence."""
    batch = data.real()
    comparison = Comparison(folder.outputs)
    want = run_float_steps(graph, {name: x[None] for name, x in batch.items()})
    got = HostModel(folder.path).run(*_stored(folder, batch))
    comparison.add({name: y[0] for name, y in want.items()},
                   {name: y[0] for name, y in zip(folder.outputs, got, strict=True)})
    return comparison.result(data.y, data.group)


def check_on_board(folder: BuiltFolder, inputs: tuple[IntArray, ...], board: Board,
                   timeout: float) -> Check:
    """Runs the library for its board under QEMU and compares every value with the host's."""
    expected = HostModel(folder.path).run(*inputs)
    stored = [x.astype(dtype_of(p.bits), copy=False)
              for x, p in zip(inputs, folder.inputs.values(), strict=True)]
    run = run_folder(folder.path, board, stored, timeout=timeout)
    values = sum(y.size for y in expected)
    return Check(len(inputs[0]), values, _first_difference(run.outputs, expected), run.stack_used)


def board_of(folder: BuiltFolder) -> Board:
    """The board that the folder was built for."""
    return load_board(folder.board)


def other_board(folder: BuiltFolder, spec: str) -> Board:
    """The board `spec` (a name or a TOML file); UsageError where it lacks what `folder` needs."""
    board = load_board(spec)
    missing = [isa for isa in folder.isa if isa not in board.isa]
    if missing:
        raise UsageError(f"board {board.name}", f"has no {' and '.join(missing)} instructions, and "
                         f"the kernels in {folder.path} are made of them",
                         f"a board with {' and '.join(folder.isa)}",
                         f"build again with --board {spec}")
    return board


def integer_inputs(folder: BuiltFolder, data: Dataset, limit: int) -> tuple[IntArray, ...]:
    """The first `limit` samples as the C code takes them."""
    return _stored(folder, data.real(0, limit))


def _stored(folder: BuiltFolder, batch: Mapping[str, FloatArray]) -> tuple[IntArray, ...]:
    """The real samples `batch` as the C code takes them; of a streamed model, step by step."""
    ints = {name: params.quantize(batch[name]) for name, params in folder.inputs.items()}
    if folder.framing is not None:
        ints = {name: folder.framing.to_steps(name, x) for name, x in ints.items()}
    elif folder.stateful:
        ints = {name: x[None] for name, x in ints.items()}
    return tuple(ints.values())


def noise(folder: BuiltFolder) -> tuple[IntArray, ...]:
    """A few samples of uniform random integers over the whole range, always the same; of a
    streamed model sequences of more steps than its window has.
    """
    rng = np.random.default_rng(_SEED)
    streamed = folder.framing
    count: tuple[int, ...] = (_NOISE_SAMPLES,)
    if streamed is not None:
        count = (2, streamed.steps() + 2)
    elif folder.stateful:
        count = (_NOISE_SAMPLES, _NOISE_SAMPLES)
    return tuple(
        rng.integers(p.qmin, p.qmax + 1, (*count, *folder.shapes[name][1:])).astype(
            dtype_of(p.bits))
        for name, p in folder.inputs.items())


def _first_difference(got: tuple[IntArray, ...], want: tuple[IntArray, ...]) -> Difference | None:
    found = []
    for index, (g, w) in enumerate(zip(got, want, strict=True)):
        g2, w2 = g.reshape(len(g), -1), w.reshape(len(w), -1)
        rows, columns = np.nonzero(g2 != w2)
        if rows.size:
            s, e = int(rows[0]), int(columns[0])
            found.append(Difference(s, index, e, int(g2[s, e]), int(w2[s, e])))
    return min(found, key=lambda d: (d.sample, d.output, d.element), default=None)


def _check_comparable(folder: BuiltFolder, graph: Graph) -> None:
    if any(graph.tensor(name).q is not None for name in graph.ins):
        raise DataError(str(folder.model), "is an integer model, there is nothing to compare with",
                        "a float model", "give the float original with --model")
    if set(graph.ins) != set(folder.inputs) or not set(folder.outputs) <= set(graph.tensors):
        raise DataError("--model", "has other inputs or outputs than the built model",
                        ", ".join((*folder.inputs, *folder.outputs)),
                        "give the float model that the folder was built from")


def _framing(*, mode: str, hop: int, inputs: Mapping[str, Mapping[str, int]],
             outputs: Mapping[str, Mapping[str, int]], **figures: object) -> Framing:
    """What report.json tells of streaming."""
    return Framing(
        mode == StreamMode.SEQUENCE.value, hop,
        {n: InputFrames(i["axis"], i["window"], i["rest"]) for n, i in inputs.items()},
        {n: OutputRows(o["axis"], o["size"], o["hop"], o["delay"]) for n, o in outputs.items()})


def _params(t: Mapping[str, float]) -> QuantParams:
    return QuantParams(np.asarray(t["scale"], np.float64), np.asarray(t["zero"], np.int32),
                       int(t["bits"]))
