"""The C text of calls that run together by rows: a table of passes and a loop over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeq.ctext import wrapped
from edgeq.plan import Call, Plan, Strips
from edgeq.strip_rows import row_bytes

Pointer = Callable[[str, str], str]  # (tensor, offset in bytes as C) -> C expression


@dataclass(frozen=True)
class StripsView:
    """One function of <name>.c and its table."""

    symbol: str
    title: str
    passes: int
    columns: int
    rows: str  # initializer lines
    lines: tuple[str, ...]  # of the loop's body


def strips_view(plan: Plan, number: int, symbols: tuple[str, ...], pointer: Pointer,
                scratch: Callable[[int], str]) -> StripsView:
    """The view of `plan.strips[number]`; `symbols` are those of the calls' parameters.

    `scratch` gives the scratch argument of a call by its number.
    """
    strips = plan.strips[number]
    names = [plan.calls[i].name for i in range(strips.first, strips.last + 1)]
    lines: list[str] = []
    column = 0
    for i, varying in enumerate(strips.varying):
        call = plan.calls[strips.first + i]
        moves = strips.first + i < strips.last
        rows = {n: row_bytes(plan.graph, n) for n in (*call.ins, *call.outs)}
        first = column + 1 + len(varying)
        places = {n: f"s[{first + k}] * {rows[n]}"
                  for k, n in enumerate((*call.ins, *call.outs))}
        end = first + len(call.ins) + 1
        if moves and strips.steps[:, end + 1].any():
            lines += _move(pointer, call, rows[call.outs[0]], end)
        arguments = [f"&{'p' if varying else symbols[strips.first + i]}",
                     *(pointer(n, places[n]) for n in (*call.ins, *call.outs))]
        if call.scratch is not None:
            arguments.append(scratch(strips.first + i))
        lines.append(f"if (s[{column}] != 0) {{")
        if varying:
            lines.append(f"    {call.struct} p = {symbols[strips.first + i]};")
            lines += [f"    p.{name} = s[{column + 1 + k}];" for k, name in enumerate(varying)]
        lines += [f"    {call.func}({', '.join(arguments)});", "}"]
        column = end + (2 if moves else 0)
    passes, columns = strips.steps.shape
    assert column == columns
    return StripsView(f"{plan.name}_rows_{strips.first}", ", ".join(names), passes, columns,
                      _table(strips), tuple(lines))


def _table(strips: Strips) -> str:
    """Initializer lines, one pass in braces."""
    passes = (wrapped(f"{v}," for v in row) for row in strips.steps.tolist())
    return "\n".join("    {" + "\n     ".join(lines).rstrip(",") + "}," for lines in passes)


def _move(pointer: Pointer, call: Call, row: int, column: int) -> list[str]:
    out = call.outs[0]
    return [f"memmove({pointer(out, '')}, {pointer(out, f's[{column}] * {row}')}, "
            f"(size_t)s[{column + 1}] * {row});"]
