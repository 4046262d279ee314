"""Instructions of a plan, estimated from rates that were counted under QEMU (rates.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from edgeq.board import Board
from edgeq.plan import Call, Plan

_RATES = Path(__file__).resolve().parent / "rates.toml"
_OTHER = 20.0  # instructions a value of an operator that was never counted


def instructions(plan: Plan) -> int:
    """Instructions of one inference: within some 30 % of what `edgeq profile` counts."""
    return round(sum(call_instructions(plan, call) for call in plan.calls))


def call_instructions(plan: Plan, call: Call) -> float:
    """Instructions of one call: a MAC with weights so wide, or a value of another operator.

    A width or operator that was not counted takes the rate of int8, or that of 20.
    """
    rates = rates_of(plan.target.board)
    tensors = [plan.graph.tensor(n) for n in (*call.ins, *call.outs)]
    bits = tensors[-1].params.bits
    if call.macs:
        keys = [f"{call.op} {bits} {call.weight_bits}", f"{call.op} {bits} 8",
                f"{call.op} 8 8", "Conv2D 8 8"]
        return call.macs * next((rates[k] for k in keys if k in rates), _OTHER)
    keys = [f"{call.op} {bits}", f"{call.op} 8"]
    return max(t.size for t in tensors) * next((rates[k] for k in keys if k in rates), _OTHER)


def rates_of(board: Board) -> Mapping[str, float]:
    """The rates of the board, else of one with the same best instruction set, else of Cortex-M3."""
    tables = _tables()
    if board.name in tables:
        return tables[board.name]
    return tables[_BY_ISA.get(board.isa[0], "cortex-m3")]


_BY_ISA = {"v6m": "cortex-m0plus", "v7m": "cortex-m3", "dsp": "cortex-m4", "mve": "cortex-m55",
           "neon": "cortex-a53", "neon_dot": "cortex-a55", "neon_i8mm": "cortex-a510",
           "c": "cortex-m3"}


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, float]]:
    return tomllib.loads(_RATES.read_text(encoding="utf-8"))
