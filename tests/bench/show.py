"""How measurements look: tables for a terminal, and docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cases import BOARDS, CLANG_BOARDS, MODELS, Case
from bench.measure import Figures, Measured
from bench.peers import peer_of, sources
from rich.console import Console
from rich.table import Table

from edgeq.board import Optimize

DOC = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- tables: make bench-update -->\n", "<!-- end of tables -->\n"
_WISHES = (Optimize.SPEED, Optimize.BALANCED, Optimize.SIZE)


def summary(console: Console, rows: Mapping[Case, Figures]) -> None:
    """One line a case, beside the peer's figure and the goal."""
    columns = ("case", "instructions", "a MAC", "est. cycles", "peer / ours", "of goal",
               "arena", "weights", "const", "code", "flash", "stack")
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="left" if column == "case" else "right")
    for case, f in rows.items():
        peer = peer_of(case.model, case.board)
        ratio = f"{peer.instructions / f.instructions:.2f}" if peer.instructions else ""
        made.add_row(
            case.key, f"{f.instructions:,}", f"{f.instructions / f.macs:.3f}", _number(f.cycles),
            ratio, _goal_text(f.instructions, peer.goal), f"{f.arena:,}", f"{f.weights:,}",
            f"{f.const:,}", f"{f.code:,}", f"{f.flash:,}", _number(f.stack))
    console.print(made)


def _goal_text(instructions: int, goal: int | None) -> str:
    if goal is None:
        return ""
    colour = "green" if instructions <= goal else "red"
    return f"[{colour}]{100 * instructions / goal:.0f} %[/]"


def layers(console: Console, measured: Measured) -> None:
    """Where the instructions of one case go, layer by layer."""
    p = measured.profile
    made = Table(box=None, pad_edge=False, header_style="bold", title=measured.case.key,
                 title_justify="left")
    for column in ("layer", "kernel", "instructions", "share", "MACs", "a MAC", "est. cycles",
                   "functions"):
        made.add_column(column, justify="left" if column in ("layer", "kernel", "functions")
                        else "right")
    for layer in p.layers:
        top = ", ".join(f"{name} {100 * n / layer.instructions:.0f} %"
                        for name, n in list(layer.functions.items())[:3])
        made.add_row(layer.name, layer.kernel, f"{layer.instructions:,}",
                     f"{100 * layer.instructions / p.instructions:.1f} %",
                     f"{layer.macs:,}" if layer.macs else "",
                     "" if layer.per_mac is None else f"{layer.per_mac:.2f}",
                     "" if layer.cycles is None else f"{layer.cycles:,.0f}", top)
    console.print(made)
    without = sum(layer.instructions for layer in p.layers if not layer.macs)
    console.print(f"layers without MACs: {without:,} of {p.instructions:,} "
                  f"({100 * without / p.instructions:.1f} %)\n")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def update_doc(record: Mapping[str, Figures], path: Path = DOC) -> None:
    """Replace the tables of docs/benchmarks.md; the text around them stays."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin
    assert end
    path.write_text(before + begin + doc_tables(record) + end + after, encoding="utf-8")


def doc_tables(record: Mapping[str, Figures]) -> str:
    """The Markdown between the two marks of docs/benchmarks.md."""
    parts = [_instructions(record), _sizes(record), _compilers(record), _wishes(record)]
    return "\n" + "\n".join(part for part in parts if part) + "\n"


def markdown(title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table below its title; the first two columns are words, the others numbers."""
    if not body:
        return ""
    rule = ("|---" * 2) + "|--:" * (len(head) - 2) + "|"
    lines = [f"| {' | '.join(row)} |" for row in (head, *body)]
    return "\n".join((f"### {title}\n", lines[0], rule, *lines[1:], ""))


def _plain(record: Mapping[str, Figures]) -> list[tuple[Case, Figures]]:
    cases = (Case(model, board) for model in MODELS for board in BOARDS)
    return [(case, record[case.key]) for case in cases if case.key in record]


def _instructions(record: Mapping[str, Figures]) -> str:
    body = []
    for case, f in _plain(record):
        peer = peer_of(case.model, case.board)
        body.append((
            case.model, case.board, f"{f.instructions:,}", f"{f.instructions / f.macs:.3f}",
            _number(f.cycles), _number(peer.instructions) or "–",
            f"{peer.instructions / f.instructions:.2f}" if peer.instructions else "–",
            _number(peer.goal) or "–",
            "–" if peer.goal is None else "yes" if f.instructions <= peer.goal else
            f"no, {f.instructions / peer.goal:.2f} times"))
    head = ("model", "board", "instructions", "a MAC", "estimated cycles", "peer", "peer / ours",
            "goal", "reached")
    notes = "\n".join(f"- peer on {'Cortex-M' if name == 'tflm' else 'AArch64'}: {text}."
                      for name, text in sources().items())
    return f"{markdown('Executed instructions of one inference', head, body)}\n{notes}\n"


def _sizes(record: Mapping[str, Figures]) -> str:
    body = [(c.model, c.board, f"{f.arena:,}", f"{f.weights:,}", f"{f.const:,}", f"{f.code:,}",
             f"{f.flash:,}", _number(f.stack) or "–") for c, f in _plain(record)]
    return markdown("Bytes", ("model", "board", "arena", "weights", "other constants", "code",
                               "flash", "stack bound"), body)


def _compilers(record: Mapping[str, Figures]) -> str:
    body = []
    for model in MODELS:
        for board in CLANG_BOARDS:
            gcc, clang = (record.get(Case(model, board, clang=on).key) for on in (False, True))
            if gcc is not None and clang is not None:
                body.append((model, board, f"{gcc.instructions:,}", f"{clang.instructions:,}",
                             f"{clang.instructions / gcc.instructions:.2f}", f"{gcc.code:,}",
                             f"{clang.code:,}"))
    return markdown("GCC and clang", ("model", "board", "instructions, GCC", "clang",
                                       "clang / GCC", "code bytes, GCC", "clang"), body)


def _wishes(record: Mapping[str, Figures]) -> str:
    body = []
    for model in MODELS:
        for board in BOARDS:
            rows = [record.get(Case(model, board, optimize=wish).key) for wish in _WISHES]
            if all(rows):
                found = [row for row in rows if row is not None]
                body.append((model, board, *(f"{f.instructions:,}" for f in found),
                             *(f"{f.code:,}" for f in found), *(f"{f.flash:,}" for f in found)))
    names = [wish.value for wish in _WISHES]
    return markdown("`--optimize`", ("model", "board", *(f"instructions, {n}" for n in names),
                                      *(f"code, {n}" for n in names),
                                      *(f"flash, {n}" for n in names)), body)
