"""The headers of the runtime: eq_ops.h lists every family, and a library gets what it uses."""

from __future__ import annotations

import re
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[2] / "runtime_c"
NO_FAMILY = {"eq.h", "eq_ops.h", "eq_requant.h"}


def included(path: Path) -> list[str]:
    return re.findall(r'^#include "(\S+)"', path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_list_names_every_family_in_order() -> None:
    families = {p.name for p in (RUNTIME / "include").glob("*.h")} - NO_FAMILY
    assert included(RUNTIME / "include" / "eq_ops.h") == sorted(families)


def test_families_stand_alone() -> None:
    for path in (RUNTIME / "include").glob("*.h"):
        if path.name not in NO_FAMILY:
            assert included(path) == ["eq.h"], path.name


def test_no_file_of_the_runtime_asks_for_all_families() -> None:
    """Every library that uses it would carry all declarations."""
    for folder in ("ops", "kernels"):
        for path in (RUNTIME / folder).glob("*.[ch]"):
            assert "eq_ops.h" not in included(path), path.name
