"""Recipes: every switch of the quantization, frozen, from a TOML file or a built-in name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from edgeq.errors import UsageError

_BUILT_IN = Path(__file__).resolve().parent / "recipes"
_COMPENSATE = "compensate"  # true or false: the key before there was `rounding`
E = TypeVar("E", bound=Enum)


class ActRange(Enum):
    """How an activation's range is taken from its observed values."""

    MINMAX = "minmax"
    MOVING = "moving"  # mean over batches of the batch extremes
    PERCENTILE = "percentile"
    MSE = "mse"
    ENTROPY = "entropy"
    AUTO = "auto"  # of MSE, MINMAX and PERCENTILE the one that measures best


class WeightRange(Enum):
    """How a weight's scale is chosen."""

    MAX = "max"
    MSE = "mse"


class Equalize(Enum):
    """What cross-layer equalization levels."""

    OFF = "off"
    WEIGHTS = "weights"  # Nagel et al. 2019: weight ranges of both layers, for per-tensor scales
    AWQ = "awq"  # Lin et al. 2024: channels that carry much get finer weights, see quant/awq.py
    ACTIVATIONS = "activations"  # activation ranges, for per-channel weight scales


class BiasCorrection(Enum):
    """How the mean error of quantized weights and inputs is taken out."""

    OFF = "off"
    EMPIRICAL = "empirical"
    ANALYTIC = "analytic"


class Rounding(Enum):
    """How real weights become integers; each learns from the samples more than the one before."""

    NEAREST = "nearest"
    COMPENSATE = "compensate"  # later weights absorb the error of earlier ones
    ADAROUND = "adaround"  # learned layer by layer (Nagel et al. 2020)
    BLOCK = "block"  # then over blocks of layers (Li et al. 2021)


class Precision(Enum):
    """What a layer computes in; its inputs and outputs are integers either way."""

    INTEGER = "integer"
    FLOAT32 = "float32"  # only on boards with an FPU, see ops/float_layers.py


class Search(Enum):
    """What `edgeq build` does before it quantizes: looks for a recipe, or takes this one."""

    NONE = "none"
    MIXED = "mixed"  # bits layer by layer, see search/mixed.py
    ESCALATE = "escalate"  # from cheap to dear until the target is met, see search/escalate.py


_WIDTHS = ((8, 8), (8, 4), (8, 2), (8, 1), (16, 8), (16, 16))  # of activations, weights


Setting = bool | int | WeightRange | Rounding | Precision


@dataclass(frozen=True)
class Layer:
    """What one layer, or all that a pattern names, does otherwise; None: as the recipe says."""

    name: str  # of an operator or a network input, or a pattern with * and ?
    per_channel: bool | None = None
    weight_range: WeightRange | None = None
    rounding: Rounding | None = None
    weight_bits: int | None = None
    group_size: int | None = None
    act_bits: int | None = None
    dynamic: bool | None = None
    precision: Precision | None = None

    def __post_init__(self) -> None:
        others = sorted(self.settings.keys() - {"act_bits", "precision"})
        if self.precision is Precision.FLOAT32 and others:
            raise UsageError(f"layer {self.name!r} of a recipe", f"{others[0]} for float32",
                             "act_bits beside precision = float32", "leave one of them out")

    def matches(self, name: str) -> bool:
        """True for the operator or input `name`; a name that is written out matches itself."""
        return name == self.name or fnmatchcase(name, self.name)

    @property
    def is_pattern(self) -> bool:
        return any(c in self.name for c in "*?[")

    @property
    def settings(self) -> dict[str, Setting]:
        """What is set, by the recipe's key."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True)
class Recipe:
    """Every decision of the quantization that a user can take."""

    name: str = "default"
    per_channel: bool = True
    weight_range: WeightRange = WeightRange.MAX
    act_range: ActRange = ActRange.MSE
    percentile: float = 99.99  # of PERCENTILE: share of the values inside the range
    equalize: Equalize = Equalize.ACTIVATIONS
    absorb_bias: bool = False
    bias_correction: BiasCorrection = BiasCorrection.EMPIRICAL
    rounding: Rounding = Rounding.COMPENSATE
    across: bool = False  # compensated rounding lets errors of channels cancel in later layers
    at_once: bool = False  # AdaRound learns all layers side by side, see quant/at_once.py
    learn_steps: bool = False  # activation ranges, weight scales and biases, from the outputs
    seed: int = 0  # of what is learned on random samples
    weight_bits: int = 8  # of convolutions and dense layers; depthwise weights keep 8
    group_size: int = 0  # input channels whose 4- or 2-bit weights share a factor; 0: all
    act_bits: int = 8  # 16: symmetric activations, for the operators that have them
    dynamic: bool = False  # of 16-bit vectors each is narrowed to 8 bits before it meets a matrix
    keep_ends: bool = False  # the first and the last layer with weights keep 8
    keep_small: float = 0.0  # so do the smallest, together up to this share of all weights
    rollback: bool = True  # measure every step on samples set aside, undo those that harm
    balance: bool = False  # calibrate with every group of the samples equally often
    scale: tuple[float, ...] = (1.0,)  # the model's input is scale * sample + offset, one value
    offset: tuple[float, ...] = (0.0,)  # each or one for each channel; options override them
    label_offset: int = 0  # added to every label
    search: Search = Search.NONE  # of a build; where only quantization is asked for, it is left out
    layers: tuple[Layer, ...] = ()  # of those that name one layer, the later ones count
    custom: tuple[str, ...] = ()  # operators of the user's: FILE.py:CLASS or MODULE:CLASS

    def __post_init__(self) -> None:
        if not 50.0 < self.percentile <= 100.0:
            raise UsageError(f"recipe {self.name!r}", f"percentile = {self.percentile}",
                             "50 < percentile <= 100", "99.99 is a good start")
        if not 0.0 <= self.keep_small <= 1.0:
            raise UsageError(f"recipe {self.name!r}", f"keep_small = {self.keep_small}",
                             "a share, 0 to 1", "0.01 keeps what costs a hundredth of the flash")
        if self.weight_bits not in (1, 2, 4, 8, 16):
            raise UsageError(f"recipe {self.name!r}", f"weight_bits = {self.weight_bits}",
                             "1, 2, 4, 8 or 16", "see docs/precisions.md")
        if (self.act_bits, self.weight_bits) not in _WIDTHS:
            raise UsageError(f"recipe {self.name!r}", f"act_bits = {self.act_bits} with "
                             f"{self.weight_bits}-bit weights",
                             "8 with 8, 4, 2 or 1; 16 with 8 or 16", "see docs/precisions.md")
        if self.group_size not in (0, 32, 64, 128):
            raise UsageError(f"recipe {self.name!r}", f"group_size = {self.group_size}",
                             "0, 32, 64 or 128", "see docs/precisions.md")
        coarse = self.weight_bits < 4 or (self.weight_bits == 4 and self.group_size > 0)
        if coarse and (self.rounding in (Rounding.ADAROUND, Rounding.BLOCK) or self.learn_steps):
            raise UsageError(f"recipe {self.name!r}", "learned rounding of weights with factors "
                             "or of fewer than 4 bits", "rounding = nearest or compensate",
                             "see docs/precisions.md")
        if self.group_size and not self.per_channel:
            raise UsageError(f"recipe {self.name!r}", "group_size with per_channel = false",
                             "per_channel = true", "see docs/precisions.md")
        if self.seed < 0:
            raise UsageError(f"recipe {self.name!r}", f"seed = {self.seed}", "0 or more",
                             "any other whole number does")
        in_float = [x.name for x in self.layers if x.precision is Precision.FLOAT32]
        if in_float and self.search is not Search.NONE:
            raise UsageError(f"recipe {self.name!r}", f"layer {in_float[0]!r} in float32 and "
                             f"search = {self.search.value}", "search = none",
                             "searches choose among integer precisions")
        for layer in self.layers:
            self.of(layer.name)

    def of(self, name: str) -> Recipe:
        """The recipe of the layer `name`, without exceptions.

        What quantization adds to a layer is called like it, with @ and more behind.
        """
        name, found = name.split("@")[0], dict[str, Setting]()
        for layer in self.layers:
            if layer.matches(name):
                found |= layer.settings
        found.pop("precision", None)  # only layers have it: see `precision_of`
        changes: dict[str, object] = {**found, "layers": ()}
        if found:
            changes["name"] = f"{self.name}, layer {name}"
        return replace(self, **changes)  # type: ignore[arg-type]

    def precision_of(self, name: str) -> Precision:
        """What the layer `name` computes in."""
        asked = [x.precision for x in self.layers if x.precision is not None and x.matches(name)]
        return asked[-1] if asked else Precision.INTEGER


def resolved(spec: str, folder: Path) -> str:
    """`spec` of a custom operator, FILE.py:CLASS, with a path below `folder` made absolute."""
    file, colon, name = spec.rpartition(":")
    if file.endswith(".py"):
        return f"{(folder / file).resolve()}{colon}{name}"
    return spec


def built_in() -> tuple[str, ...]:
    """Names of the recipes that ship with edgeq."""
    return tuple(sorted(p.stem for p in _BUILT_IN.glob("*.toml")))


def load_recipe(spec: str | Path) -> Recipe:
    """The built-in recipe `spec`, or the one in the TOML file `spec`; raises UsageError."""
    path = _BUILT_IN / f"{spec}.toml" if str(spec) in built_in() else Path(spec)
    where = f"recipe {str(spec)!r}"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(where, "no such recipe or file", f"{', '.join(built_in())}, or a file",
                         "choose one of these") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise UsageError(where, str(e), "a TOML file", "see docs/quantization.md") from None
    return _from_table(where, path, table)


def _from_table(where: str, path: Path, table: dict[str, object]) -> Recipe:
    folder = path.resolve().parent
    known = {f.name for f in fields(Recipe)} | {_COMPENSATE}
    for key in table:
        if key not in known:
            raise UsageError(where, f"unknown key {key!r}", ", ".join(sorted(known)),
                             "see docs/quantization.md")
    base = Recipe(name=str(table.get("name", path.stem)))
    return Recipe(
        name=base.name,
        per_channel=_typed(where, table, "per_channel", base.per_channel),
        weight_range=_choice(where, table, "weight_range", base.weight_range),
        act_range=_choice(where, table, "act_range", base.act_range),
        percentile=_number(where, table, "percentile", base.percentile),
        equalize=_choice(where, table, "equalize", base.equalize),
        absorb_bias=_typed(where, table, "absorb_bias", base.absorb_bias),
        bias_correction=_choice(where, table, "bias_correction", base.bias_correction),
        rounding=_rounding(where, table, base.rounding),
        across=_typed(where, table, "across", base.across),
        at_once=_typed(where, table, "at_once", base.at_once),
        learn_steps=_typed(where, table, "learn_steps", base.learn_steps),
        seed=_whole(where, table, "seed", base.seed),
        weight_bits=_whole(where, table, "weight_bits", base.weight_bits),
        group_size=_whole(where, table, "group_size", base.group_size),
        act_bits=_whole(where, table, "act_bits", base.act_bits),
        dynamic=_typed(where, table, "dynamic", base.dynamic),
        keep_ends=_typed(where, table, "keep_ends", base.keep_ends),
        keep_small=_number(where, table, "keep_small", base.keep_small),
        rollback=_typed(where, table, "rollback", base.rollback),
        balance=_typed(where, table, "balance", base.balance),
        scale=_numbers(where, table, "scale", base.scale),
        offset=_numbers(where, table, "offset", base.offset),
        label_offset=_whole(where, table, "label_offset", base.label_offset),
        search=_choice(where, table, "search", base.search),
        layers=_layers(where, table.get("layers", {})),
        custom=tuple(resolved(spec, folder) for spec in _texts(where, table, "custom")),
    )


def _texts(where: str, table: dict[str, object], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise UsageError(where, f"{key} = {value!r}", "a list of texts", "see docs/quantization.md")
    return value


def _layers(where: str, table: object) -> tuple[Layer, ...]:
    """The tables [layers."name"]."""
    if not isinstance(table, dict) or not all(isinstance(t, dict) for t in table.values()):
        raise UsageError(where, "layers that are no tables", '[layers."name"] with keys below it',
                         "see docs/mixed.md")
    return tuple(_layer(f"{where}, layer {name!r}", str(name), t) for name, t in table.items())


def _layer(where: str, name: str, table: dict[str, object]) -> Layer:
    known = [f.name for f in fields(Layer) if f.name != "name"] + [_COMPENSATE]
    for key in table:
        if key not in known:
            raise UsageError(where, f"unknown key {key!r}", ", ".join(known), "see docs/mixed.md")

    def bits(key: str) -> int | None:
        return _whole(where, table, key, 0) if key in table else None

    def switch(key: str) -> bool | None:
        return _typed(where, table, key, False) if key in table else None

    return Layer(
        name=name, per_channel=switch("per_channel"),
        rounding=(_rounding(where, table, Rounding.COMPENSATE)
                  if {"rounding", _COMPENSATE} & table.keys() else None),
        weight_range=(_choice(where, table, "weight_range", WeightRange.MAX)
                      if "weight_range" in table else None),
        weight_bits=bits("weight_bits"), group_size=bits("group_size"),
        act_bits=bits("act_bits"), dynamic=switch("dynamic"),
        precision=(_choice(where, table, "precision", Precision.INTEGER)
                   if "precision" in table else None))


def _rounding(where: str, table: dict[str, object], default: Rounding) -> Rounding:
    old = _typed(where, table, _COMPENSATE, default is not Rounding.NEAREST)
    return _choice(where, table, "rounding", default if old else Rounding.NEAREST)


def _typed(where: str, table: dict[str, object], key: str, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise UsageError(where, f"{key} = {value!r}", "true or false", "see docs/quantization.md")
    return value


def _number(where: str, table: dict[str, object], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(where, f"{key} = {value!r}", "a number", "see docs/quantization.md")
    return float(value)


def _whole(where: str, table: dict[str, object], key: str, default: int) -> int:
    value = _number(where, table, key, default)
    if not value.is_integer():
        raise UsageError(where, f"{key} = {value}", "a whole number", "see docs/quantization.md")
    return int(value)


def _numbers(where: str, table: dict[str, object], key: str,
             default: tuple[float, ...]) -> tuple[float, ...]:
    value = table.get(key, list(default))
    values = value if isinstance(value, list) else [value]
    return tuple(_number(where, {key: v}, key, 0.0) for v in values)


def _choice(where: str, table: dict[str, object], key: str, default: E) -> E:
    value = table.get(key, default.value)
    kind = type(default)
    allowed = [str(m.value) for m in kind]
    if value not in allowed:
        raise UsageError(where, f"{key} = {value!r}", ", ".join(allowed),
                         "see docs/quantization.md")
    return kind(value)
