"""Reading what the instruction counter wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_LAYER, _STOP = 2, 3


@dataclass(frozen=True, eq=False)
class Section:
    """The instructions executed between two marks: address -> times."""

    layer: bool  # ends in a layer's mark; else it is what lies between the marks and STOP
    times: Counter[int]

    @property
    def instructions(self) -> int:
        return self.times.total()


def read_counts(path: Path) -> tuple[Section, ...]:
    """Every stretch that ended in a LAYER or STOP mark while counting was on, in order."""
    sections: list[Section] = []
    times: Counter[int] = Counter()
    kind, on = 0, False
    for line in path.read_text().splitlines():
        first, second = line.split()
        if first != "mark":
            times[int(first, 16)] += int(second)
            continue
        if on and kind in (_LAYER, _STOP):
            sections.append(Section(kind == _LAYER, times))
        on = kind != _STOP and (on or kind == 1)
        times, kind = Counter(), int(second)
    if on and kind in (_LAYER, _STOP):
        sections.append(Section(kind == _LAYER, times))
    return tuple(sections)
