"""One layer of kws in float32 by a recipe: from the TOML file to the board."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import real

from edgeq import verify
from edgeq.board import Target, load_board
from edgeq.dataset import Preprocess, load_dataset
from edgeq.errors import UnsupportedError, UsageError
from edgeq.folder import write
from edgeq.ops.float_layers import FloatConv2D, FloatLayer
from edgeq.pipeline import Request, Result, build, quantized_inputs
from edgeq.recipe import Layer, Precision, Search, load_recipe
from edgeq.recipe_text import recipe_text

Shared = Callable[[str], Path]
KWS, CALIB = "models/mlperf_kws_float32.tflite", "data/mlperf_kws_calib.npz"
FIRST = "conv_2d_0"


def recipe_file(folder: Path) -> Path:
    path = folder / "first.toml"
    path.write_text('rounding = "nearest"\n\n[layers."conv_2d_0"]\nprecision = "float32"\n')
    return path


def built(shared: Shared, recipe: str | Path, board: str) -> Result:
    return build(Request(shared(KWS), Target(load_board(board)), str(shared(CALIB)),
                         load_recipe(recipe), Preprocess(), name="kws"))


def float_files(files: object) -> set[str]:
    return {Path(f).name for f in files if "f32" in f}  # type: ignore[attr-defined]


def test_the_layer_alone_is_float_and_numpy_equals_c(tmp_path: Path, shared: Shared) -> None:
    result = built(shared, recipe_file(tmp_path), "host")
    ints = result.quantized.graph
    assert [op.name for op in ints.ops if isinstance(op, FloatLayer)] == [FIRST]
    assert isinstance(next(op for op in ints.ops if op.name == FIRST), FloatConv2D)
    assert float_files(result.files) == {"eq_f32.h", "eq_conv2d_f32.h", "eq_conv2d_s8_f32.c"}
    assert "$(CFLAGS) -ffp-contract=off" in result.files["Makefile"]
    assert ('set_source_files_properties(src/eq_conv2d_s8_f32.c PROPERTIES COMPILE_OPTIONS '
            '"-ffp-contract=off")') in result.files["CMakeLists.txt"]
    write(result.files, tmp_path / "kws")
    data = load_dataset(str(shared(CALIB)), Preprocess(), ints)
    inputs = quantized_inputs(ints, data.real(0, 40))
    real.assert_host_equals(tmp_path / "kws", ints, inputs)


def test_its_own_error_falls(tmp_path: Path, shared: Shared) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text('rounding = "nearest"\n')
    base, other = (built(shared, r, "host") for r in (plain, recipe_file(tmp_path)))
    assert "-ffp-contract" not in base.files["Makefile"] + base.files["CMakeLists.txt"]
    assert not float_files(base.files)
    noise = []
    for result in (base, other):
        layers = result.report["layers"]
        assert isinstance(layers, list)
        noise.append(next(x["sqnr"] for x in layers if x["name"] == FIRST))
    assert noise[1] > noise[0]


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["cortex-m4", "cortex-m55", "cortex-a53"])
def test_boards_give_the_bytes_of_the_host(tmp_path: Path, board: str, shared: Shared) -> None:
    target = load_board(board)
    assert target.qemu is not None
    for tool in (target.compiler, target.qemu.program):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    write(built(shared, recipe_file(tmp_path), board).files, tmp_path / "kws")
    folder = verify.open_folder(tmp_path / "kws")
    data = load_dataset(str(shared(CALIB)), folder.preprocess, verify.model_graph(folder, None))
    for inputs in (verify.noise(folder), verify.integer_inputs(folder, data, 4)):
        check = verify.check_on_board(folder, inputs, target, 120.0)
        assert check.difference is None


def test_a_board_without_an_fpu_is_refused_before_the_work(tmp_path: Path) -> None:
    request = Request(tmp_path / "none.tflite", Target(load_board("cortex-m3")), None,
                      load_recipe(recipe_file(tmp_path)), Preprocess(), name="kws")
    with pytest.raises(UnsupportedError, match=r"conv_2d_0.*no FPU"):
        build(request)


def test_what_does_not_go_with_float32_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="weight_bits"):
        Layer("a", precision=Precision.FLOAT32, weight_bits=4)
    recipe = load_recipe(recipe_file(tmp_path))
    with pytest.raises(UsageError, match="search"):
        replace(recipe, search=Search.MIXED)


def test_recipes_keep_it(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path))
    again = tmp_path / "again.toml"
    again.write_text(recipe_text(recipe))
    assert load_recipe(again).layers == recipe.layers == (
        Layer(FIRST, precision=Precision.FLOAT32),)
    assert recipe.precision_of(FIRST) is Precision.FLOAT32
    assert recipe.precision_of("another") is Precision.INTEGER


def test_finetuning_refuses_it(tmp_path: Path, shared: Shared) -> None:
    pytest.importorskip("torch")
    from edgeq.qat.model import QatModel

    result = built(shared, recipe_file(tmp_path), "host")
    with pytest.raises(UnsupportedError, match="float32"):
        QatModel(result.quantized)
