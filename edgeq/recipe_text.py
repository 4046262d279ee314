"""A recipe as the text of a TOML file that `load_recipe` reads back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum

from edgeq.recipe import Layer, Recipe


def recipe_text(recipe: Recipe) -> str:
    """The keys that differ from the defaults, then a table for each layer of its own."""
    plain = Recipe(name=recipe.name)
    lines = [f"name = {_value(recipe.name)}"]
    for f in fields(Recipe):
        value = getattr(recipe, f.name)
        if f.name not in ("name", "layers") and value != getattr(plain, f.name):
            lines.append(f"{f.name} = {_value(value)}")
    for layer in recipe.layers:
        lines += ["", *_layer(layer)]
    return "\n".join(lines) + "\n"


def _layer(layer: Layer) -> Iterator[str]:
    yield f"[layers.{_value(layer.name)}]"
    for key, value in layer.settings.items():
        yield f"{key} = {_value(value)}"


def _value(value: object) -> str:
    """TOML has the strings, numbers, truth values and lists of JSON."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value)
