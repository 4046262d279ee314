"""Estimated cycles of executed instructions: one row of documented costs for each core.

An estimate, not a simulation: costs for each kind of instruction, plus what a load costs its
next reader and a branch that is taken. Memory answers at once (tightly coupled memory, or a
cache that always hits). Where a core issues two or more instructions at once the costs are
averages below one. docs/boards.md names the sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgeq.target.disassembly import Instruction, Kind


@dataclass(frozen=True)
class CoreCosts:
    """Cycles of one core; `multi` and `gather` are per register and per element."""

    alu: float = 1.0
    mul: float = 1.0
    mla: float = 1.0
    long_mul: float = 1.0
    div: float = 8.0
    load: float = 1.0
    load_again: float = 1.0  # a load right behind another in memory order
    store: float = 1.0
    multi: float = 1.0  # and 1 for the instruction
    branch: float = 1.0
    taken: float = 1.0  # more, when the branch is taken; calls and returns always pay it
    load_use: float = 0.0  # more, when the next instruction needs what a load brings
    loop_end: float = 0.0  # LE of a low-overhead loop
    vector: float = 1.0
    vector_mul: float = 1.0
    vector_load: float = 1.0
    vector_store: float = 1.0
    gather: float = 1.0
    overlap: float = 0.0  # less, for a vector instruction right behind one of another pipe
    float_op: float = 1.0


_M3 = CoreCosts(mla=2.0, long_mul=4.0, div=7.0, load=2.0, taken=2.0)
_M4 = replace(_M3, mla=1.0, long_mul=1.0)
_M7 = CoreCosts(alu=0.6, div=7.0, load=0.75, load_again=0.75, taken=0.5, load_use=1.0)
_M55 = CoreCosts(taken=2.0, load_use=1.0, vector=2.0, vector_mul=2.0, vector_load=2.0,
                 vector_store=2.0, overlap=1.0)
_A55 = CoreCosts(alu=0.6, taken=0.5, load_use=2.0, vector_load=2.0)
_CORES: Mapping[str, CoreCosts] = {
    "cortex-m0plus": CoreCosts(load=2.0, load_again=2.0, store=2.0),
    "cortex-m3": _M3,
    "cortex-m4": _M4,
    "cortex-m7": _M7,
    "cortex-m33": CoreCosts(taken=2.0, load_use=1.0),
    "cortex-m55": _M55,
    "cortex-m85": replace(_M55, alu=0.6, div=7.0, load=0.75, load_again=0.75, taken=0.5),
    "cortex-a7": CoreCosts(alu=0.7, taken=0.5, load_use=1.0, vector=2.0, vector_mul=4.0,
                           vector_load=2.0, vector_store=2.0),
    "cortex-a53": replace(_A55, div=4.0, vector=2.0, vector_mul=2.0),
    "cortex-a55": _A55,
    "cortex-a76": CoreCosts(alu=0.3, div=5.0, load=0.5, load_again=0.5, store=0.5, branch=0.5,
                            taken=0.25, vector=0.5, vector_load=0.5, vector_store=0.5),
    "cortex-a510": CoreCosts(alu=0.4, load=0.6, load_again=0.6, taken=0.5, load_use=1.0,
                             vector=0.6, vector_mul=0.6, vector_load=0.6),
}
# What a vector instruction occupies; the M55 starts one while the one before, in another pipe,
# does its second half.
_PIPES: Mapping[Kind, str] = {
    Kind.VECTOR: "integer", Kind.VECTOR_MUL: "multiplier", Kind.VECTOR_LOAD: "memory",
    Kind.VECTOR_STORE: "memory", Kind.GATHER: "memory",
}


def costs_of(cpu: str) -> CoreCosts | None:
    """The row of a core; None where there is none, then cycles are unknown."""
    return _CORES.get(cpu)


def estimate_cycles(costs: CoreCosts, program: Mapping[int, Instruction],
                    times: Counter[int]) -> float:
    """Cycles of instructions executed `times` (address -> times) in one stretch."""
    total = 0.0
    before: Instruction | None = None
    for address in sorted(times):
        count = times[address]
        instruction = program[address]
        behind_load = (before is not None and before.after == address
                       and before.kind is Kind.LOAD)
        total += count * _cost(costs, instruction, behind_load=behind_load)
        if instruction.uses_load and behind_load:
            total += count * costs.load_use
        if before is not None and before.after == address and _overlap(before, instruction):
            total -= count * costs.overlap
        if instruction.kind in (Kind.BRANCH, Kind.CALL):
            falls = times[instruction.after] if instruction.conditional else 0
            total += max(0, count - falls) * costs.taken
        before = instruction
    return total


def _overlap(before: Instruction, instruction: Instruction) -> bool:
    """True for two vector instructions in different pipes."""
    pipes = _PIPES.get(before.kind), _PIPES.get(instruction.kind)
    return None not in pipes and pipes[0] != pipes[1]


def _cost(costs: CoreCosts, instruction: Instruction, *, behind_load: bool) -> float:
    table = {
        Kind.ALU: costs.alu, Kind.MUL: costs.mul, Kind.MLA: costs.mla,
        Kind.LONG_MUL: costs.long_mul, Kind.DIV: costs.div,
        Kind.LOAD: costs.load_again if behind_load else costs.load, Kind.STORE: costs.store,
        Kind.MULTI: 1.0 + costs.multi * instruction.units, Kind.BRANCH: costs.branch,
        Kind.CALL: costs.branch, Kind.LOOP_END: costs.loop_end, Kind.VECTOR: costs.vector,
        Kind.VECTOR_MUL: costs.vector_mul, Kind.VECTOR_LOAD: costs.vector_load,
        Kind.VECTOR_STORE: costs.vector_store, Kind.GATHER: costs.gather * instruction.units,
        Kind.FLOAT: costs.float_op,
    }
    return table[instruction.kind]
