"""Numbers as a reader wants them: sizes, counts, shares."""

from __future__ import annotations


def size_text(value: float) -> str:
    """Bytes for a reader: 512 B, 21.9 KB, 1.40 MB (1 KB = 1024 B)."""
    if value < 1024:
        return f"{value:.0f} B"
    if value < 1024 * 1024:
        return f"{value / 1024:.1f} KB"
    return f"{value / 1024 / 1024:.2f} MB"


def count_text(value: float) -> str:
    """A number for a reader: 950, 2.66 M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            return f"{value / (1e3 if name == 'k' else unit):.3g} {name}"
    return f"{value:.0f}"


def percent_text(value: float | None) -> str:
    """A fraction as per cent."""
    return "–" if value is None else f"{100 * value:.2f} %"
