"""The recorded table (tests/size/benchmarks.json) and what counts as a change for the worse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.cases import all_cases
from bench.measure import Figures

RECORD = Path(__file__).resolve().parents[1] / "size" / "benchmarks.json"


@dataclass(frozen=True)
class Tolerance:
    """How far a figure may grow before a test fails: a share, and bytes on top."""

    share: float
    more: int = 0

    def allows(self, old: int, new: int) -> bool:
        return new <= old * (1 + self.share) + self.more


# Instructions are exact and repeatable; compilers of another version differ a little in both.
LIMITS: Mapping[str, Tolerance] = {
    "instructions": Tolerance(0.01),
    "arena": Tolerance(0.0),
    "weights": Tolerance(0.0, 16),
    "code": Tolerance(0.02, 32),
    "flash": Tolerance(0.02, 64),
    "stack": Tolerance(0.0, 64),
}


@dataclass(frozen=True)
class Change:
    """A figure that differs from the record."""

    key: str
    figure: str
    old: int
    new: int

    @property
    def worse(self) -> bool:
        """True where it grew by more than its limit."""
        limit = LIMITS.get(self.figure)
        return limit is not None and not limit.allows(self.old, self.new)

    def __str__(self) -> str:
        share = 100 * (self.new - self.old) / self.old if self.old else 0.0
        return (f"{self.key} {self.figure}: {self.old:,} -> {self.new:,} ({share:+.2f} %)"
                f"{'  WORSE' if self.worse else ''}")


def load(path: Path = RECORD) -> dict[str, Figures]:
    """The recorded figures by case key; empty where nothing was recorded."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {key: Figures(**row) for key, row in content.items()}


def save(figures: Mapping[str, Figures], path: Path = RECORD) -> None:
    """Write the table, one line a case, in the order of the cases; unknown keys go away."""
    keys = [case.key for case in all_cases() if case.key in figures]
    lines = [f"  {json.dumps(key)}: {json.dumps(figures[key].to_json())}" for key in keys]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def changes(key: str, old: Figures, new: Figures) -> tuple[Change, ...]:
    """The figures that differ, in the table's order."""
    before, after = old.to_json(), new.to_json()
    return tuple(Change(key, name, was, now) for name, was in before.items()
                 if (now := after[name]) is not None and was is not None and was != now)
