"""Recipes made from one another: other weights, other rounding, and names that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgeq.quant.sensitivity import Width
from edgeq.recipe import Layer, Recipe, Rounding, WeightRange

_LEARNED = "learned rounding"


def narrowed(base: Recipe, widths: Mapping[str, Width]) -> Recipe:
    """`base` with weights of the `widths` given by layer."""
    return base if not widths else named(replace(base, layers=(*base.layers, *(
        Layer(n, weight_bits=w.bits, group_size=w.group, weight_range=WeightRange.MSE)
        for n, w in widths.items()))))


def learned(recipe: Recipe) -> Recipe:
    """`recipe` with learned rounding in the layers of 4-bit weights; as it is where none can.

    Weights with factors for groups of inputs have none.
    """
    layers = tuple(replace(x, rounding=Rounding.ADAROUND)
                   if x.weight_bits == 4 and not x.group_size else x for x in recipe.layers)
    return named(replace(recipe, layers=layers)) if layers != recipe.layers else recipe


def named(recipe: Recipe) -> Recipe:
    """`recipe` called after what it does to its layers."""
    base = recipe.name.split(":")[0]
    parts = []
    for bits in (4, 2):
        groups = [x.group_size for x in recipe.layers if x.weight_bits == bits]
        factors = sum(bool(g) for g in groups)
        parts += [f"{len(groups)} layers of {bits}-bit weights"
                  + (f" ({factors} in groups)" if factors else "")] * bool(groups)
    sixteen = sum(x.act_bits == 16 for x in recipe.layers)
    parts += [f"{sixteen} operators in 16 bits"] * bool(sixteen)
    double = sum(x.weight_bits == 16 for x in recipe.layers)
    parts += [f"{double} layers of 16-bit weights"] * bool(double)
    parts += [_LEARNED] * any(x.rounding is Rounding.ADAROUND for x in recipe.layers)
    return replace(recipe, name=f"{base}: {', '.join(parts) or '8 bits'}")
