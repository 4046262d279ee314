"""The pages name what the code has: operators and limits, keys of a recipe, options."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import joblib
import pytest
from click.testing import CliRunner
from joblib.externals.loky import get_reusable_executor

from edgeq.cli import app
from edgeq.cli.ops import ops
from edgeq.manual import operators_manual
from edgeq.ops import OPS
from edgeq.recipe import Recipe
from edgeq.resources import resource_dir

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


def test_the_page_of_quantization_names_every_key_of_a_recipe() -> None:
    text = (DOCS / "quantization.md").read_text(encoding="utf-8")
    missing = [f.name for f in fields(Recipe) if not re.search(rf"`\[?{f.name}[`. ]", text)]
    assert not missing


def test_the_page_of_the_command_line_names_every_command_and_option() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    options = {option for command in app.commands.values() for param in command.params
               for option in param.opts if option.startswith("--")}
    assert not [name for name in app.commands if f"edgeq {name}" not in text]
    assert not [option for option in sorted(options) if not re.search(rf"{option}[`=\s]", text)]


def test_the_sweep_of_the_page_of_quantization_runs_in_other_processes(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "quantization.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# sweep.py\n.*?)```", text, re.DOTALL)
    (tmp_path / "sweep.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{DOCS.parent}")
    digits = resource_dir("examples") / "digits"
    import sweep  # type: ignore[import-not-found]

    get_reusable_executor().shutdown()  # workers of an earlier test do not find the module
    try:
        with joblib.parallel_config("loky", n_jobs=2):
            found = sweep.sweep(str(digits / "digits.tflite"), str(digits / "digits_calib.npz"),
                                ["fast", "w4a8"])
    finally:
        sys.modules.pop("sweep")
    assert [name for name, _ in found] == ["fast", "w4a8"]
    assert all(share >= 0.95 for _, share in found)
