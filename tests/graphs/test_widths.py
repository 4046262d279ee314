"""Layers with precisions of their own: conversions, the same bytes in C, mistakes by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import real

from edgeq.board import Target, load_board
from edgeq.errors import UsageError
from edgeq.execute import run_int
from edgeq.folder import write
from edgeq.host import HostModel
from edgeq.ir import Graph, Tensor
from edgeq.lower import lower
from edgeq.ops.base import Op
from edgeq.ops.conv2d import Conv2D
from edgeq.ops.elementwise import Add
from edgeq.ops.function import Fn, Function
from edgeq.ops.pool import AveragePool, MaxPool
from edgeq.ops.requantize import Requantize
from edgeq.ops.reshape import Reshape
from edgeq.quant import quantize
from edgeq.recipe import Layer, Recipe, load_recipe

Shared = Callable[[str], Path]
FAST = load_recipe("fast")


def net(rng: np.random.Generator) -> Graph:
    """conv -> conv -> (max pool | average pool) -> add -> round -> reshape, two readers of one."""
    tensors = {"x": Tensor("x", (1, 6, 6, 3))}
    ops: list[Op] = []

    def conv(name: str, source: str, in_c: int) -> str:
        w = rng.normal(0, 0.4, (4, 1, 1, in_c)).astype(np.float32)
        tensors[f"{name}_w"] = Tensor(f"{name}_w", w.shape, w)
        tensors[f"{name}_b"] = Tensor(f"{name}_b", (4,), np.zeros(4, np.float32))
        return add(Conv2D(name=name, ins=(source, f"{name}_w", f"{name}_b"),
                          outs=(f"{name}_y",)))

    def add(op: Op) -> str:
        shape = op.shape(*(tensors[n].shape for n in op.ins))[0]
        tensors[op.outs[0]] = Tensor(op.outs[0], shape)
        ops.append(op)
        return op.outs[0]

    here = conv("second", conv("first", "x", 3), 4)
    most = add(MaxPool(name="most", ins=(here,), outs=("most_y",), kernel=(2, 2), stride=(2, 2)))
    mean = add(AveragePool(name="mean", ins=(here,), outs=("mean_y",), kernel=(2, 2),
                           stride=(2, 2)))
    both = add(Add(name="both", ins=(most, mean), outs=("both_y",)))
    steps = add(Function(name="round", ins=(both,), outs=("round_y",), fn_of=Fn.ROUND))
    flat = add(Reshape(name="flat", ins=(steps,), outs=("flat_y",), to=(1, 36)))
    return Graph(tensors, tuple(ops), ("x",), (flat,), "net")


def samples(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 1, (16, 6, 6, 3)).astype(np.float32)


def bits_of(graph: Graph) -> dict[str, int]:
    return {op.name: graph.tensor(op.outs[0]).params.bits for op in graph.ops}


def test_conversions_stand_where_widths_change_and_nowhere_else() -> None:
    rng = np.random.default_rng(0)
    recipe = replace(FAST, layers=(Layer("second", act_bits=16), Layer("mean", act_bits=16)))
    ints = quantize(net(rng), samples(rng), recipe).graph
    assert bits_of(ints) == {
        "first": 8, "first@s16": 16, "second": 16, "second@s8": 8, "most": 8, "mean": 16,
        "mean@s8": 8, "both": 8, "round": 8, "flat": 8}
    assert [op.name for op in ints.ops if isinstance(op, Requantize)] == [
        "first@s16", "second@s8", "mean@s8"]
    assert ints.tensor("most_y").q is ints.tensor("second@s8").q  # pooling keeps parameters


def test_widening_changes_no_value() -> None:
    rng = np.random.default_rng(1)
    x = samples(rng)
    recipe = replace(FAST, layers=(Layer("second", act_bits=16),))
    ints = quantize(net(rng), x, recipe).graph
    kept = run_int(ints, {"x": ints.tensor("x").params.quantize(x)}, keep=ints.tensors)
    narrow, wide = (ints.tensor(n).params.dequantize(kept[n]) for n in ("first_y", "first@s16"))
    np.testing.assert_array_equal(narrow, wide)


@pytest.mark.parametrize("layers", [
    (Layer("*", act_bits=16),), (Layer("first", act_bits=16), Layer("x", act_bits=16)),
    (Layer("*", act_bits=16), Layer("second", act_bits=8))])
def test_numpy_and_c_agree_on_mixed_widths(tmp_path: Path, layers: tuple[Layer, ...]) -> None:
    from edgeq.emit import emit

    rng = np.random.default_rng(2)
    x = samples(rng)
    ints = quantize(net(rng), x, replace(FAST, layers=layers)).graph
    assert {8, 16} <= set(bits_of(ints).values())
    q = ints.tensor("x").params.quantize(x)
    want = run_int(ints, {"x": q})["flat_y"]
    write(emit(lower(ints, Target(load_board("host")))), tmp_path / "net")
    (got,) = HostModel(tmp_path / "net").run(q)
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def test_operators_without_16_bits_compute_in_8() -> None:
    rng = np.random.default_rng(3)
    ints = quantize(net(rng), samples(rng), load_recipe("w8a16")).graph
    bits = bits_of(ints)
    assert (bits["second"], bits["most"], bits["mean"], bits["round"]) == (16, 16, 16, 8)


@pytest.mark.parametrize(("layer", "found"), [
    (Layer("third", act_bits=16), "first, second"),
    (Layer("sec?nt*", act_bits=16), "no such layer"),
    (Layer("round", act_bits=16), "Function"),
    (Layer("both", weight_bits=4), "no weights"),
    (Layer("x", per_channel=False), "no weights")])
def test_a_layer_that_cannot_is_named(layer: Layer, found: str) -> None:
    rng = np.random.default_rng(4)
    with pytest.raises(UsageError, match=found):
        quantize(net(rng), samples(rng), replace(FAST, layers=(layer,)))


def test_depthwise_layers_refuse_4_bits_by_name_but_not_by_pattern(shared: Shared) -> None:
    case = real.load("kws", shared)
    with pytest.raises(UsageError, match="depthwise"):
        quantize(case.graph, case.calib[:4],
                 replace(FAST, layers=(Layer("depthwise_conv_2d_1", weight_bits=4),)))
    ints = quantize(case.graph, case.calib[:4],
                    replace(FAST, layers=(Layer("*", weight_bits=4),))).graph
    bits = {op.name: ints.tensor(op.ins[1]).params.bits for op in ints.ops if len(op.ins) == 3}
    assert (bits["depthwise_conv_2d_1"], bits["conv_2d_0"]) == (8, 4)


def test_weights_of_one_layer_take_their_own_way(shared: Shared) -> None:
    case = real.load("kws", shared)
    mine = Layer("conv_2d_2", weight_bits=4, per_channel=False)
    plain, other = (quantize(case.graph, case.calib[:4], r).graph
                    for r in (FAST, replace(FAST, layers=(mine,))))
    for op in plain.ops:
        if len(op.ins) == 3 and op.name != "conv_2d_2":
            np.testing.assert_array_equal(plain.const(op.ins[1]), other.const(op.ins[1]))
    changed = next(op for op in other.ops if op.name == "conv_2d_2")
    q = other.tensor(changed.ins[1]).params
    assert (q.bits, q.axis) == (4, None)


def test_two_wide_layers_in_front_help_kws(shared: Shared) -> None:
    case = real.load("kws", shared)
    default = load_recipe("default")
    wide = replace(default, layers=(Layer("conv_2d_0", act_bits=16),
                                    Layer("depthwise_conv_2d_1", act_bits=16)))
    db = [real.cost(case, case.graph, quantize(case.graph, case.calib, r).graph).score.sqnr_db
          for r in (default, wide)]
    assert db[1] > db[0] + 0.5, db


def test_layers_of_recipes_add_up() -> None:
    recipe = Recipe(layers=(Layer("conv*", weight_bits=4), Layer("conv_1", per_channel=False),
                            Layer("conv_2", weight_bits=8, act_bits=16)))
    assert (recipe.of("conv_1").weight_bits, recipe.of("conv_1").per_channel) == (4, False)
    assert (recipe.of("conv_2").weight_bits, recipe.of("conv_2").act_bits) == (8, 16)
    assert recipe.of("dense").weight_bits == 8
    with pytest.raises(UsageError, match="layer conv_3"):
        replace(recipe, layers=(*recipe.layers, Layer("conv_3", act_bits=16, weight_bits=4)))
