"""docs/operators.md is what `edgeq ops` prints, and names every operator and limit."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from edgeq.cli.ops import ops
from edgeq.manual import operators_manual
from edgeq.ops import OPS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_manual_is_up_to_date() -> None:
    told = (DOCS / "operators.md").read_text(encoding="utf-8")
    assert told == operators_manual(), "run `edgeq ops > docs/operators.md`"


def test_the_command_prints_it() -> None:
    assert CliRunner().invoke(ops, []).output == operators_manual()


def test_every_operator_has_its_formula_names_and_limits() -> None:
    text = operators_manual()
    for op in OPS:
        assert (op.__doc__ or "").strip(), op
        assert f"## {op.__name__}\n" in text
        assert all(limit.text in text and limit.fix in text for limit in op.limits)
        assert all(name in text for name in op.tflite_names)
