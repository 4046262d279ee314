"""report.json: everything that a build knows about its result, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import edgeq
from edgeq.board import Board
from edgeq.dataset import Preprocess
from edgeq.evaluate import Evaluation, Share
from edgeq.facts import MARKER, PlanFacts, plan_facts
from edgeq.ir import Graph
from edgeq.jsontypes import Json
from edgeq.lower import tensor_bytes
from edgeq.plan import Call, Plan, Storage
from edgeq.readers import ReadOptions
from edgeq.streaming import Streamed

if TYPE_CHECKING:
    from edgeq.target.profile import Profile

WINDOW_FOLDER = "window"  # of a streamed model: the library over the whole window, to compare


@dataclass(frozen=True)
class Step:
    """What the quantizer tried, and whether it stayed."""

    name: str
    kept: bool
    note: str


@dataclass(frozen=True, eq=False)
class Streaming:
    """A model built as steps, and what the same model over the whole window takes."""

    streamed: Streamed
    window: PlanFacts


@dataclass(frozen=True, eq=False)
class Built:
    """What the stages of a build leave for the report."""

    model: Path
    read: ReadOptions
    plan: Plan
    recipe: str
    source: str  # of the calibration samples; empty for a model that was quantized already
    samples: int
    preprocess: Preprocess
    steps: tuple[Step, ...]
    float_vs_int: Evaluation
    layer_sqnr: Mapping[str, float | None]  # by tensor name
    warnings: tuple[str, ...] = ()
    board_file: Path | None = None
    streaming: Streaming | None = None


@dataclass(frozen=True)
class Footprint:
    """Bytes that the board's compiler makes of the library."""

    code: int
    flash: int  # code, weights, constants, and what they need of the C library
    stack: int | None  # bound of what <name>_run takes, by the compiler's frame sizes


def report(built: Built, footprint: Footprint | None = None) -> dict[str, Json]:
    """The content of report.json; sizes in bytes, fractions, decibels, no times."""
    plan, facts = built.plan, plan_facts(built.plan)
    graph, board = plan.graph, plan.target.board
    made: dict[str, Json] = {
        "generator": MARKER, "edgeq": edgeq.__version__, "model": plan.name, "board": board.name,
        "source": {"path": str(built.model.resolve()), "sha256": digest(built.model),
                   "shapes": {name: list(shape) for name, shape in built.read.shapes.items()},
                   "fixed": dict(built.read.values),
                   "custom": [c.spec for c in built.read.custom],
                   "states": [list(pair) for pair in built.read.states]},
        "target": {**board_json(board),
                   "file": None if built.board_file is None else str(built.board_file),
                   "optimize": facts["target"]["optimize"],
                   "opt_flags": facts["target"]["opt_flags"],
                   "cmsis_nn": facts["target"]["cmsis_nn"]},
        "recipe": {"name": built.recipe},
        "data": {"source": built.source, "samples": built.samples},
        "preprocess": preprocess_json(built.preprocess),
        "macs": facts["macs"], "arena_bytes": facts["arena_bytes"],
        "state_bytes": sum(tensor_bytes(graph, s.source) for s in graph.states),
        "weights_bytes": facts["weights_bytes"], "const_bytes": facts["const_bytes"],
        "stack_bytes": None if footprint is None else footprint.stack,
        "inputs": [tensor_json(graph, name) for name in graph.ins],
        "outputs": [tensor_json(graph, name) for name in graph.outs],
        "layers": [_layer(plan, call, built.layer_sqnr) for call in plan.calls],
        "memory": _memory(plan),
        "steps": [{"name": s.name, "kept": s.kept, "note": s.note} for s in built.steps],
        "float_vs_int": _float_vs_int(built.float_vs_int),
        "warnings": list(built.warnings),
    }
    if built.streaming is not None:
        made["streaming"] = _streaming(built.streaming)
    if footprint is not None:
        made |= {"code_bytes": footprint.code, "flash_bytes": footprint.flash}
    return made


def evaluation_json(e: Evaluation) -> dict[str, Json]:
    """What `edgeq eval --json` prints."""
    worst = e.largest_group_drop
    return {
        "samples": e.samples, "float_accuracy": e.float_accuracy, "int_accuracy": e.int_accuracy,
        "agreement": e.agreement, "sqnr_db": rounded(e.sqnr_db),
        "per_class": [_share(s) for s in e.per_class],
        "groups": {
            "accuracy": [_share(s) for s in e.groups],
            "largest_drop": None if worst is None else {"name": worst.name, "drop": worst.drop},
        },
    }


def preprocess_json(p: Preprocess) -> dict[str, Json]:
    return {"scale": list(p.scale), "offset": list(p.offset), "label_offset": p.label_offset}


def board_json(board: Board) -> dict[str, Json]:
    return {"name": board.name, "cpu": board.cpu, "isa": list(board.isa), "flash": board.flash,
            "ram": board.ram, "clock_hz": board.clock_hz, "description": board.description}


def tensor_json(graph: Graph, name: str) -> dict[str, Json]:
    """A quantized input or output: real = scale * (q - zero)."""
    tensor = graph.tensor(name)
    return {"name": name, "shape": list(tensor.shape), "bits": tensor.params.bits,
            "scale": float(tensor.params.scale), "zero": int(tensor.params.zero)}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rounded(values: Mapping[str, float | None]) -> dict[str, Json]:
    """Decibels to two places: more would be noise of the float library."""
    return {name: None if v is None else round(v, 2) for name, v in values.items()}


def _layer(plan: Plan, call: Call, sqnr: Mapping[str, float | None]) -> dict[str, Json]:
    graph = plan.graph

    def shapes(names: tuple[str, ...]) -> list[Json]:
        return [list(graph.tensor(n).shape) for n in names]

    def scales(names: tuple[str, ...]) -> list[Json]:
        return [float(graph.tensor(n).params.scale) for n in names]

    value = sqnr.get(call.outs[0])
    return {
        "name": call.name, "op": call.op,
        "shapes": {"in": shapes(call.ins), "out": shapes(call.outs)},
        "macs": call.macs, "kernel": call.func,
        "bits": {"weights": call.weight_bits if call.macs else None,
                 "activations": graph.tensor(call.outs[0]).params.bits},
        "scales": {"in": scales(call.ins), "out": scales(call.outs)},
        "sqnr": None if value is None else round(value, 2),
        "weights_bytes": sum(b.nbytes for b in call.blobs if b.name == "weights"),
        "scratch_bytes": call.scratch or 0,
    }


def _streaming(s: Streaming) -> dict[str, Json]:
    """How the model was turned into steps, and the figures of the window beside them."""
    f = s.streamed.framing
    return {
        "mode": s.streamed.mode.value, "hop": f.hop, "steps": f.steps(),
        "window_arena_bytes": s.window["arena_bytes"], "window_macs": s.window["macs"],
        "inputs": {n: {"axis": i.axis, "window": i.window, "rest": i.rest}
                   for n, i in f.inputs.items()},
        "outputs": {n: {"axis": o.axis, "size": o.size, "hop": o.hop, "delay": o.delay}
                    for n, o in f.outputs.items()},
    }


def _memory(plan: Plan) -> dict[str, Json]:
    def kind(s: Storage) -> str:
        if not s.tensors:
            return "scratch"
        if set(s.tensors) & {state.source for state in plan.graph.states}:
            return "state"
        if set(s.tensors) & set(plan.graph.outs):
            return "output"
        return "input" if set(s.tensors) & set(plan.graph.ins) else "tensor"

    place = plan.placement
    return {
        "bound": place.bound, "steps": [call.name for call in plan.calls],
        "storages": [{"tensors": list(s.tensors), "kind": kind(s), "size": s.size,
                      "first": s.first, "last": s.last, "offset": s.offset}
                     for s in place.storages],
    }


def _float_vs_int(e: Evaluation) -> dict[str, Json]:
    accuracy: Json = None
    if e.float_accuracy is not None and e.int_accuracy is not None:
        accuracy = {"float": e.float_accuracy, "int": e.int_accuracy}
    return {"samples": e.samples, "accuracy": accuracy, "agreement": e.agreement,
            "sqnr": rounded(e.sqnr_db)}


def _share(s: Share) -> dict[str, Json]:
    return {"name": s.name, "samples": s.samples, "float_accuracy": s.float_accuracy,
            "int_accuracy": s.int_accuracy, "drop": s.drop}


def profile_json(p: Profile) -> dict[str, Json]:
    """What `edgeq profile --json` prints; cycles are an estimate."""
    return {
        "board": p.board, "instructions": p.instructions,
        "estimated_cycles": None if p.cycles is None else round(p.cycles),
        "macs": p.macs, "outside_layers": p.outside, "stack_used": p.stack_used,
        "layers": [{
            "name": layer.name, "kernel": layer.kernel, "macs": layer.macs,
            "instructions": layer.instructions, "instructions_per_mac": layer.per_mac,
            "estimated_cycles": None if layer.cycles is None else round(layer.cycles),
            "kinds": {kind.value: count for kind, count in layer.kinds.items()},
            "functions": dict(layer.functions)} for layer in p.layers],
    }


def with_profile(made: Mapping[str, Json], p: Profile) -> dict[str, Json]:
    """The report `made` with instructions in total and per layer."""
    layers = made["layers"]
    assert isinstance(layers, list)
    counted = [{**layer, "instructions": profiled.instructions}
               for layer, profiled in zip(layers, p.layers, strict=True)]
    return {**made, "instructions": p.instructions,
            "estimated_cycles": None if p.cycles is None else round(p.cycles), "layers": counted}


def with_window(made: Mapping[str, Json], window: Profile) -> dict[str, Json]:
    """The report `made` of a streamed model with the instructions of the model over the window."""
    streaming = made["streaming"]
    assert isinstance(streaming, Mapping)
    return {**made, "streaming": {**streaming, "window_instructions": window.instructions}}
