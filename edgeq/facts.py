"""Facts of a plan as plain data: the part of report.json that generation alone knows."""

from __future__ import annotations

import json
from typing import TypedDict

from edgeq.board import Target
from edgeq.emit_model import ModelView, model_view
from edgeq.plan import Call, Plan

MARKER = "edgeq"  # value of "generator" in every report.json


class LayerFacts(TypedDict):
    """One call of the generated code."""

    name: str
    op: str
    kernel: str
    macs: int
    bits: int
    in_shapes: list[list[int]]
    out_shapes: list[list[int]]
    out_scale: float
    out_zero: int
    weight_bytes: int
    scratch_bytes: int


class TargetFacts(TypedDict):
    """The wishes beside the board."""

    optimize: str
    opt_flags: list[str]  # behind the board's own
    cmsis_nn: str | None


class PlanFacts(TypedDict):
    """One generated library."""

    generator: str
    model: str
    board: str
    target: TargetFacts
    macs: int
    arena_bytes: int
    arena_bound: int
    weights_bytes: int
    const_bytes: int
    layers: list[LayerFacts]


def plan_facts(plan: Plan, view: ModelView | None = None) -> PlanFacts:
    """Sizes in bytes, shared tables once; `const_bytes` are the tables other than weights."""
    view = view or model_view(plan)
    return {
        "generator": MARKER, "model": plan.name, "board": plan.target.board.name,
        "target": target_facts(plan.target),
        "macs": view.macs, "arena_bytes": plan.placement.arena,
        "arena_bound": plan.placement.bound, "weights_bytes": view.weight_bytes,
        "const_bytes": view.table_bytes,
        "layers": [_layer_facts(plan, call) for call in plan.calls],
    }


def target_facts(target: Target) -> TargetFacts:
    """What compiling the library must know beyond the board."""
    checkout = target.cmsis_nn
    return {"optimize": target.optimize.value, "opt_flags": list(target.cflags),
            "cmsis_nn": None if checkout is None else str(checkout)}


def _layer_facts(plan: Plan, call: Call) -> LayerFacts:
    def shapes(names: tuple[str, ...]) -> list[list[int]]:
        return [list(plan.graph.tensor(n).shape) for n in names]

    out = plan.graph.tensor(call.outs[0]).params
    return {
        "name": call.name, "op": call.op, "kernel": call.func, "macs": call.macs,
        "bits": call.weight_bits, "in_shapes": shapes(call.ins), "out_shapes": shapes(call.outs),
        "out_scale": float(out.scale), "out_zero": int(out.zero),
        "weight_bytes": sum(b.nbytes for b in call.blobs if b.name == "weights"),
        "scratch_bytes": call.scratch or 0,
    }


def plan_facts_json(plan: Plan, view: ModelView | None = None) -> str:
    """`plan_facts` as the text of report.json."""
    return json.dumps(plan_facts(plan, view), indent=2) + "\n"
