"""What another compiler or --optimize changes in the figures of a built folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeq.cli import app

pytestmark = pytest.mark.qemu


def run(*arguments: str) -> dict[str, object]:
    """The JSON that a command prints."""
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example for a Cortex-M4."""
    if missing := [t for t in ("arm-none-eabi-gcc", "qemu-system-arm") if shutil.which(t) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    path = tmp_path_factory.mktemp("built") / "digits"
    run("build", "--board", "cortex-m4", "-o", str(path))
    return path


def test_profile_with_clang_leaves_the_report_alone(folder: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    own = run("profile", str(folder))
    report = (folder / "report.json").read_text(encoding="utf-8")
    clang = run("profile", str(folder), "--compiler", "clang")
    assert clang["macs"] == own["macs"]
    assert clang["instructions"] != own["instructions"]
    assert (folder / "report.json").read_text(encoding="utf-8") == report


def test_size_is_smaller_in_the_report(folder: Path, tmp_path: Path) -> None:
    """The report's code size is that of the level that was asked for, and so is the profile."""
    sizes, counts = {}, {}
    for wish in ("speed", "balanced", "size"):
        path = tmp_path / wish
        report = run("build", "--board", "cortex-m4", "--optimize", wish, "-o", str(path))
        target = report["target"]
        assert isinstance(target, dict)
        assert target["optimize"] == wish
        sizes[wish], counts[wish] = report["code_bytes"], run("profile", str(path))["instructions"]
    # on DSP cores speed has no flag of its own, only kernels, which this network has no use for
    assert sizes["size"] < sizes["balanced"] <= sizes["speed"]  # type: ignore[operator]
    assert counts["size"] > counts["balanced"]  # type: ignore[operator]
