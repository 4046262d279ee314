"""Recipes: every built-in one loads, and every mistake in a file is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.errors import UsageError
from edgeq.recipe import (
    ActRange,
    Equalize,
    Layer,
    Rounding,
    WeightRange,
    built_in,
    load_recipe,
)


@pytest.mark.parametrize("name", built_in())
def test_built_in_recipes_load_under_their_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_file_overrides_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('act_range = "percentile"\npercentile = 99.5\nequalize = "off"\n')
    recipe = load_recipe(path)
    assert (recipe.name, recipe.act_range, recipe.percentile) == ("mine", ActRange.PERCENTILE, 99.5)
    assert recipe.equalize is Equalize.OFF
    assert recipe.per_channel


@pytest.mark.parametrize(("text", "found"), [
    ("typo = 1", "typo"), ('act_range = "max"', "act_range"), ("per_channel = 1", "per_channel"),
    ("percentile = 10", "percentile"), ("keep_small = 2", "keep_small"),
    ('percentile = "x"', "percentile"), ("= 3", "recipe"), ("weight_bits = 4.5", "a whole number"),
    ("act_bits = nan", "a whole number"), ("seed = inf", "a whole number"),
    ("seed = -1", "seed = -1"),
    ("rollback = 'yes'", "rollback")])
def test_mistakes_are_named(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text + "\n")
    with pytest.raises(UsageError, match=found):
        load_recipe(path)


def test_a_recipe_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(UsageError, match="default"):
        load_recipe("defualt")


def test_tables_of_layers(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[layers."conv*"]\nweight_bits = 4\nweight_range = "mse"\n'
                    "[layers.dense_1]\nact_bits = 16\nweight_bits = 8\n")
    recipe = load_recipe(path)
    assert recipe.layers == (Layer("conv*", weight_bits=4, weight_range=WeightRange.MSE),
                             Layer("dense_1", act_bits=16, weight_bits=8))


@pytest.mark.parametrize(("text", "found"), [
    ("layers = 4", "tables"), ("layers.conv = 4", "tables"),
    ("[layers.conv]\nbits = 4", "unknown key 'bits'"),
    ("[layers.conv]\nact_bits = 'x'", "layer 'conv'"),
    ("[layers.conv]\nact_bits = 8.5", "a whole number"),
    ("[layers.conv]\nprecision = 'float16'", "precision = 'float16'; allowed: integer, float32"),
    ("precision = 'float32'", "unknown key 'precision'"),
    ("[layers.conv]\nweight_bits = 3", "layer conv")])
def test_mistakes_in_layers_are_named(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text + "\n")
    with pytest.raises(UsageError, match=found):
        load_recipe(path)


def test_the_old_key_of_rounding_still_says_whether_to_compensate(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    for text, rounding in (("compensate = false", Rounding.NEAREST),
                           ("compensate = true", Rounding.COMPENSATE),
                           ('rounding = "adaround"', Rounding.ADAROUND)):
        path.write_text(text + "\n")
        assert load_recipe(path).rounding is rounding
