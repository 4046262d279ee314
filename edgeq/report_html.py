"""report.html: one self-contained page from report.json's content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.jsontypes import Json
from edgeq.numbertext import count_text, percent_text, size_text
from edgeq.resources import resource_dir
from edgeq.search.chart import search_chart

Report = Mapping[str, Json]

MAP_WIDTH, MAP_HEIGHT, MAP_LEFT, MAP_TOP, MAP_BOTTOM = 1000.0, 340.0, 64.0, 8.0, 52.0
_NO_NAME_BELOW = 34.0  # narrower rectangles carry no text


@dataclass(frozen=True)
class Rect:
    """One tensor in the memory map, in SVG units."""

    x: float
    y: float
    width: float
    height: float
    kind: str  # "input" | "output" | "state" | "scratch" | "tensor": a CSS class
    hue: int
    label: str
    title: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class MemoryMap:
    """What the template draws: rectangles, axes and the peak's step."""

    rects: tuple[Rect, ...]
    steps: tuple[Tick, ...]
    bytes: tuple[Tick, ...]
    width: float = MAP_WIDTH
    height: float = MAP_HEIGHT
    left: float = MAP_LEFT
    bottom: float = MAP_HEIGHT - MAP_BOTTOM


def html(report: Report) -> str:
    """The page: inline style and drawings, nothing loaded from elsewhere, light and dark."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(loader=FileSystemLoader(resource_dir("templates")), autoescape=True,
                      undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                      keep_trailing_newline=True)
    env.filters["size"] = size_text
    env.filters["count"] = count_text
    env.filters["percent"] = percent_text
    env.filters["decibel"] = lambda value: "–" if value is None else f"{value:.1f} dB"
    env.filters["shape"] = lambda shape: " × ".join(str(n) for n in shape)
    env.filters["sqnr_class"] = sqnr_class
    return env.get_template("report.html.j2").render(
        r=report, map=memory_map(report),
        chart=search_chart(report["search"]) if "search" in report else None)


def sqnr_class(value: float | None) -> str:
    """CSS class of a signal-to-noise ratio: what deserves a look stands out."""
    if value is None or value >= 25:
        return "good"
    return "fair" if value >= 15 else "poor"


def memory_map(report: Report) -> MemoryMap:
    """The arena over time: x is the call, y the offset, both scaled to the drawing."""
    memory = _table(report["memory"])
    steps = [str(name) for name in _items(memory["steps"])]
    arena = max(1, _int(report["arena_bytes"]))
    columns = len(steps) + 2  # before the first call, the calls, after the last
    step = (MAP_WIDTH - MAP_LEFT - 4) / columns
    plot = MAP_HEIGHT - MAP_TOP - MAP_BOTTOM
    floor = MAP_HEIGHT - MAP_BOTTOM

    rects: list[Rect] = []
    for i, item in enumerate(_items(memory["storages"])):
        s = _table(item)
        first, last = _int(s["first"]), _int(s["last"])
        offset, size = _int(s["offset"]), _int(s["size"])
        width = (last - first + 1) * step
        height = max(1.0, size / arena * plot)
        names = ", ".join(str(n) for n in _items(s["tensors"])) or f"scratch of {steps[first]}"
        title = (f"{names}: {size:,} bytes at {offset:,}, "
                 f"{_when(first, steps)} to {_when(last, steps)}")
        short = names if first < 0 or not s["tensors"] else steps[first]
        room = int(width / 6.2) if width >= _NO_NAME_BELOW and height >= 13 else 0
        label = short if len(short) <= room else short[:max(0, room - 1)] + "…" if room > 3 else ""
        rects.append(Rect(MAP_LEFT + (first + 1) * step, floor - (offset + size) / arena * plot,
                          width, height, str(s["kind"]), i * 47 % 360, label, title))
    every = max(1, -(-columns // 40))
    ticks = tuple(Tick(MAP_LEFT + (i + 1.5) * step, str(i)) for i in range(0, len(steps), every))
    marks = tuple(Tick(floor - part * plot, size_text(part * arena)) for part in
                  (0.0, 0.25, 0.5, 0.75, 1.0))
    return MemoryMap(tuple(rects), ticks, marks)


def _when(step: int, steps: Sequence[str]) -> str:
    if step < 0:
        return "before the run"
    return steps[step] if step < len(steps) else "after the run"


def _table(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value


def _items(value: Json) -> Sequence[Json]:
    assert isinstance(value, Sequence)
    assert not isinstance(value, str)
    return value


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
