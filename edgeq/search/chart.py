"""The drawing of a search in report.html: every trial by flash and signal to noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.jsontypes import Json
from edgeq.numbertext import count_text, size_text

WIDTH, HEIGHT, LEFT, FLOOR, _TOP, _RIGHT = 1000.0, 320.0, 64.0, 268.0, 12.0, 16.0
_MARKS = 5


@dataclass(frozen=True)
class Dot:
    """One trial, in SVG units."""

    x: float
    y: float
    kind: str  # "chosen" | "front" | "other": a CSS class
    title: str


@dataclass(frozen=True)
class Chart:
    """Dots, the line through those that nothing beats, and the marks of both axes."""

    dots: tuple[Dot, ...]
    line: str
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    floor: float = FLOOR


def search_chart(search: Json) -> Chart:
    """The drawing of report.json's `search`."""
    assert isinstance(search, Mapping)
    trials = search["trials"]
    assert isinstance(trials, Sequence)
    rows = [t for t in trials if isinstance(t, Mapping)]
    sizes, ratios = ([_number(t[key]) for t in rows] for key in ("flash_bytes", "sqnr_db"))
    x, y = _Axis(sizes, LEFT + 12, WIDTH - _RIGHT), _Axis(ratios, FLOOR - 8, _TOP)
    dots = tuple(Dot(x.at(size), y.at(db), _kind(t), _title(t))
                 for t, size, db in zip(rows, sizes, ratios, strict=True))
    front = sorted((d.x, d.y) for d in dots if d.kind != "other")
    return Chart(dots, " ".join(f"{a:.1f},{b:.1f}" for a, b in front),
                 tuple((x.at(v), size_text(v)) for v in x.marks),
                 tuple((y.at(v), f"{v:.0f} dB") for v in y.marks))


class _Axis:
    """From values to a stretch of the drawing."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, high = min(values), max(values)
        self._span = high - self._low or 1.0
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        return self._start + (value - self._low) / self._span * (self._end - self._start)

    @property
    def marks(self) -> tuple[float, ...]:
        return tuple(self._low + self._span * i / (_MARKS - 1) for i in range(_MARKS))


def _kind(t: Mapping[str, Json]) -> str:
    return "chosen" if t["chosen"] else "front" if t["front"] else "other"


def _title(t: Mapping[str, Json]) -> str:
    return (f"{t['name']}: {size_text(_number(t['flash_bytes']))}, "
            f"{_number(t['sqnr_db']):.1f} dB, about {count_text(_number(t['instructions']))} "
            "instructions")


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return float(value)
