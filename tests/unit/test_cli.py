"""The command line: exit codes, one-line errors, pure JSON, nothing half-written."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

import edgeq
from edgeq.cli import main

EXAMPLE = Path(edgeq.__file__).resolve().parents[1] / "examples" / "digits"
MODEL, CALIB, EVAL = (str(EXAMPLE / name) for name in
                      ("digits.tflite", "digits_calib.npz", "digits_eval.npz"))


def call(*args: str) -> int:
    """The exit code of `edgeq ARGS`."""
    with pytest.raises(SystemExit) as end:
        main(args)
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built for this machine."""
    folder = tmp_path_factory.mktemp("built") / "digits"
    assert call("build", "--board", "host", "-o", str(folder)) == 0
    return folder


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert edgeq.__version__ in capsys.readouterr().out
    assert call("build", "--help") == 0
    assert "--max-ram" in capsys.readouterr().out


def test_build_without_model_makes_the_example(built: Path) -> None:
    report = json.loads((built / "report.json").read_text())
    assert report["model"] == "digits"
    assert {"macs", "arena_bytes", "weights_bytes", "const_bytes", "stack_bytes", "layers",
            "float_vs_int", "board"} <= report.keys()
    for layer in report["layers"]:
        assert {"name", "op", "shapes", "macs", "kernel", "bits", "scales", "sqnr"} <= layer.keys()
    assert report["float_vs_int"]["accuracy"]["float"] == 1.0
    assert (built / "report.html").is_file()


def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert call("build", "--board", "host", "-o", str(again)) == 0
    files = sorted(p.relative_to(built) for p in built.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    for path in files:
        assert (built / path).read_bytes() == (again / path).read_bytes(), path


def test_eval_json_holds_the_fields(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("eval", str(built), "--data", EVAL, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["samples"] == 500
    assert result["float_accuracy"] >= 0.97
    assert result["float_accuracy"] - result["int_accuracy"] <= 0.005
    assert result["agreement"] >= 0.98
    assert min(result["sqnr_db"].values()) > 25
    assert len(result["per_class"]) == 10
    assert [g["name"] for g in result["groups"]["accuracy"]] == ["bold", "light", "medium"]
    drops = [g["drop"] for g in result["groups"]["accuracy"]]
    assert result["groups"]["largest_drop"]["drop"] == max(drops)


def test_eval_finds_a_model_that_moved(
        built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, model = tmp_path / "digits", tmp_path / "model.tflite"
    shutil.copy(MODEL, model)
    assert call("build", str(model), "--calib", CALIB, "--board", "host", "-o", str(folder)) == 0
    with model.open("ab") as file:
        file.write(b"\0")
    assert call("eval", str(folder), "--data", EVAL) == 2
    assert "changed since the build" in capsys.readouterr().err
    model.unlink()
    assert call("eval", str(folder), "--data", EVAL) == 2
    assert "no longer there" in capsys.readouterr().err
    assert call("eval", str(folder), "--data", EVAL, "--model", MODEL) == 0


def test_json_everywhere(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args in (("boards",), ("ops",), ("ops", MODEL), ("inspect", MODEL),
                 ("inspect", str(built))):
        assert call(*args, "--json") == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)
        assert captured.err == ""
        assert call(*args) == 0
        assert capsys.readouterr().out


def test_inspect_counts_what_the_layers_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("inspect", MODEL, "--json") == 0
    model = json.loads(capsys.readouterr().out)
    assert model["macs"] == sum(layer["macs"] for layer in model["layers"]) > 0
    weights = np.array([12 * 9, 12 * 9, 24 * 12, 24 * 9, 32 * 24, 10 * 128])
    assert model["parameters"] == weights.sum() + 12 + 12 + 24 + 24 + 32 + 10


@pytest.mark.parametrize(("option", "value", "message"), [
    ("--max-ram", "100", "RAM"), ("--max-flash", "100", "flash"), ("--max-drop", "-1", "accuracy")])
def test_missed_budget_writes_and_ends_with_1(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str,
        message: str) -> None:
    folder = tmp_path / "out"
    assert call("build", "--board", "host", "-o", str(folder), option, value) == 1
    assert message in capsys.readouterr().err
    assert (folder / "report.json").is_file()


def test_met_budgets_end_with_0(tmp_path: Path) -> None:
    assert call("build", "--board", "host", "-o", str(tmp_path / "out"), "--max-ram", "100000",
                "--max-flash", "1000000", "--max-drop", "1") == 0


def test_random_calibration_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert call("build", MODEL, "--board", "host", "--calib", "random", "-o", str(folder)) == 0
    assert "warning" in capsys.readouterr().out
    assert "random" in json.loads((folder / "report.json").read_text())["warnings"][0]
    assert "random numbers" in (folder / "report.html").read_text()


def test_a_model_too_large_for_its_board_warns(tmp_path: Path) -> None:
    board = tmp_path / "small.toml"
    board.write_text('parent = "host"\nflash = 4096\nram = 1024\n')
    folder = tmp_path / "out"
    assert call("build", "--board", str(board), "-o", str(folder)) == 0
    ram, flash = json.loads((folder / "report.json").read_text())["warnings"]
    assert re.fullmatch(r"RAM: 1,\d+ bytes are needed, small has 1,024", ram)
    assert re.fullmatch(r"flash: [\d,]+ bytes are needed, small has 4,096", flash)


def test_preprocessing_is_kept_for_eval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = np.load(EVAL)
    shifted = tmp_path / "shifted.npz"  # ink stored as 2 * ink + 1, labels one too low
    np.savez(shifted, x=2 * data["x"] + 1, y=data["y"].astype(np.int64) - 1)
    options = ("--scale", "1/2", "--offset=-0.5", "--label-offset", "1")
    folder = tmp_path / "out"
    assert call("build", MODEL, "--board", "host", "-o", str(folder), "--calib", str(shifted),
                *options) == 0
    capsys.readouterr()
    assert call("eval", str(folder), "--data", str(shifted), "--json") == 0
    assert json.loads(capsys.readouterr().out)["float_accuracy"] == 0.98


BAD = [
    (("build",), "--board"),
    (("build", "--board", "cortex-m99"), "cortex-m99"),
    (("build", MODEL, "--board", "host"), "--calib"),
    (("build", "none.tflite", "--board", "host", "--calib", CALIB), "none.tflite"),
    (("build", MODEL, "--board", "host", "--calib", "none.npz"), "none.npz"),
    (("build", "--board", "host", "--recipe", "none"), "none"),
    (("build", "--board", "host", "--scale", "x"), "--scale"),
    (("build", "--board", "host", "--max-drop", "nan"), "--max-drop"),
    (("build", "--board", "host", "--name", "1digits"), "--name"),
    (("build", "--board", "host", "--name", ""), "--name"),
    (("build", "--board", "host", "--name", "a" * 300), "at most 64"),
    (("build", str(EXAMPLE), "--board", "host", "--calib", CALIB), "a folder"),
    (("eval", "none", "--data", EVAL), "none"),
    (("run", "none", "--qemu"), "none"),
    (("profile", "none"), "none"),
    (("inspect", "none"), "none"),
    (("ops", "none.tflite"), "none.tflite"),
]


@pytest.mark.parametrize(("args", "message"), BAD)
def test_bad_input_is_one_line_and_2(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
        args: tuple[str, ...], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*args) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("edgeq: error: ")
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []
    assert call(*args, "--json") == 2
    assert message in json.dumps(json.loads(capsys.readouterr().out)["error"])


@pytest.mark.parametrize("args", [("nonsense",), ("build", "--nonsense"), ("eval", "x")])
def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str], args: tuple[str, ...]) -> None:
    assert call(*args) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\0" * 100, Path(MODEL).read_bytes()[:5000]])
def test_damaged_model_leaves_nothing(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    model = tmp_path / "bad.tflite"
    model.write_bytes(content)
    folder = tmp_path / "out"
    assert call("build", str(model), "--calib", CALIB, "--board", "host", "-o", str(folder)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not folder.exists()


def test_folder_of_others_is_left_alone(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert call("build", "--board", "host", "-o", str(tmp_path)) == 2
    assert "was not made by edgeq" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_missing_tools_are_3(
        built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    only = tmp_path / "bin"  # a PATH with the host's compiler and nothing else
    only.mkdir()
    for tool in ("cc", "gcc", "as", "ld"):
        found = shutil.which(tool)
        if found:
            (only / tool).symlink_to(found)
    folder = tmp_path / "m4"
    monkeypatch.setenv("PATH", str(only))
    assert call("build", "--board", "cortex-m4", "-o", str(folder)) == 0
    assert "not measured" in capsys.readouterr().out
    assert "code_bytes" not in json.loads((folder / "report.json").read_text())
    for args in (("run", str(folder), "--qemu"), ("profile", str(folder)),
                 ("build", "--board", "cortex-m4", "-o", str(folder), "--max-flash", "1000000")):
        assert call(*args) == 3
    assert "apt-get install" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("run", "--qemu"), ("profile",)])
def test_a_board_without_the_instructions_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    folder = tmp_path / "m4"
    assert call("build", "--board", "cortex-m4", "-o", str(folder), "--recipe", "fast") == 0
    capsys.readouterr()
    name, *options = command
    for board in ("cortex-m3", "cortex-a53"):
        assert call(name, str(folder), *options, "--board", board) == 2
        message = capsys.readouterr().err
        assert len(message.splitlines()) == 1
        assert f"board {board}: has no dsp" in message


def test_profile_of_the_host_is_a_mistake_of_usage(
        built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("profile", str(built)) == 2
    assert "QEMU" in capsys.readouterr().err


def test_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "file"
    target.write_text("")
    target.chmod(stat.S_IRUSR)
    assert call("build", "--board", "host", "-o", str(target / "below")) == 2
    assert "cannot be written" in capsys.readouterr().err
