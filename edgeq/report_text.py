"""The key figures of report.json as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.markup import escape

from edgeq.errors import UsageError
from edgeq.numbertext import count_text, percent_text, size_text


def summary(report: Mapping[str, object]) -> Iterator[str]:
    """A line each for memory, work, accuracy and warnings (rich markup)."""
    yield f"[bold]{report['model']}[/] on [bold]{report['board']}[/]"
    stack = report.get("stack_bytes")
    yield (f"  RAM       {size_text(_number(report['arena_bytes']))} arena"
           + (f" + at most {size_text(_number(stack))} stack" if stack is not None else ""))
    parts = (f"{size_text(_number(report['weights_bytes']))} weights, "
             f"{size_text(_number(report['const_bytes']))} constants")
    if "flash_bytes" in report:
        yield (f"  flash     {size_text(_number(report['flash_bytes']))}: {parts}, "
               f"{size_text(_number(report['code_bytes']))} code")
    else:
        yield f"  flash     {parts}; code not measured (the board's compiler is not installed)"
    layers = report["layers"]
    assert isinstance(layers, list)
    yield f"  work      {count_text(_number(report['macs']))} MACs in {len(layers)} calls"
    yield from _streaming(report)
    yield from _accuracy(report)
    steps = report["steps"]
    assert isinstance(steps, list)
    for step in steps:
        verdict = "[green]kept[/]" if step["kept"] else "[yellow]rolled back[/]"
        yield f"  step      {step['name']}: {verdict} ({step['note']})"
    yield from _search(report)
    warnings = report["warnings"]
    assert isinstance(warnings, list)
    for warning in warnings:
        yield f"  [bold yellow]warning[/]   {warning}"


def _streaming(report: Mapping[str, object]) -> Iterator[str]:
    """A step beside the whole window."""
    told = report.get("streaming")
    if not isinstance(told, Mapping):
        return
    what = "the window" if told["mode"] == "window" else "the sequence"
    counts = [f"{size_text(_number(report['arena_bytes']))} arena "
              f"({size_text(_number(report['state_bytes']))} state) against "
              f"{size_text(_number(told['window_arena_bytes']))}",
              f"{count_text(_number(report['macs']))} MACs against "
              f"{count_text(_number(told['window_macs']))}"]
    if "window_instructions" in told:
        counts.append(f"{_number(report['instructions']):,} instructions against "
                      f"{_number(told['window_instructions']):,}")
    yield f"  stream    {told['hop']} frames a step, outputs of {what}; a step: {', '.join(counts)}"


def _search(report: Mapping[str, object]) -> Iterator[str]:
    """Why a search took this recipe."""
    search = report.get("search")
    if isinstance(search, Mapping):
        for note in search["notes"]:
            yield f"  search    {escape(note)}"
        yield f"  search    {len(search['trials'])} recipes tried; recipe.toml keeps the chosen one"


def _accuracy(report: Mapping[str, object]) -> Iterator[str]:
    cost = report["float_vs_int"]
    assert isinstance(cost, Mapping)
    if not cost["samples"]:
        yield "  accuracy  not measured: the model was quantized before"
        return
    where = f"on {cost['samples']} calibration samples"
    if cost["accuracy"] is not None:
        yield (f"  accuracy  {percent_text(cost['accuracy']['int'])} in integers, "
               f"{percent_text(cost['accuracy']['float'])} in float, {where}")
    decibels = ", ".join("exact" if v is None else f"{v:.1f} dB" for v in cost["sqnr"].values())
    yield f"  agreement {percent_text(cost['agreement'])} of answers; SQNR {decibels}, {where}"


def ram_bytes(report: Mapping[str, object]) -> int:
    """Arena and, where the compiler told it, the bound of the stack."""
    stack = report.get("stack_bytes")
    return int(_number(report["arena_bytes"]) + (0 if stack is None else _number(stack)))


def accuracy_lost(report: Mapping[str, object]) -> float:
    """Fraction of accuracy lost on the calibration samples; unlabelled: of answers changed."""
    cost = report["float_vs_int"]
    assert isinstance(cost, Mapping)
    accuracy = cost["accuracy"]
    if cost["agreement"] is None:
        raise UsageError("--max-drop", "the model was quantized before, there is no float model")
    if accuracy is None:
        return 1.0 - float(cost["agreement"])
    return float(accuracy["float"]) - float(accuracy["int"])


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return value
