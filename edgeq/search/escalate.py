"""Escalation: from the cheapest recipe to dearer ones, until the target is met or none is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgeq.quant.sensitivity import Width, sensitivity
from edgeq.recipe import Recipe, Rounding, load_recipe
from edgeq.search.trial import Goal, Job, Outcome, Trial, Try, meets, quantized
from edgeq.search.widen import widened

_WIDE = (1, 2, 4, 8)  # how many of the noisiest activations become 16 bits
_SAME_DB = 0.5  # less is no reason for a dearer recipe
# Where no target asks for 16-bit activations: what they must gain in dB, and the instructions and
# bytes of RAM that they may take for it, of those of int8
_WORTH = ((1.0, 1.5), (4.0, 2.5))


@dataclass(frozen=True)
class _Rung:
    """One recipe on the ladder and what came of it."""

    recipe: Recipe
    trial: Trial


def escalate(job: Job, base: Recipe, attempt: Try) -> Outcome:
    """The cheapest recipe that meets `max_drop`; without one, the best of those that cost little.

    `base` is the recipe `best` itself: its layers go into the rungs. A recipe that loses more than
    `default` is never taken.
    """
    plain = replace(load_recipe("default"), layers=base.layers)
    simple, default = attempt(load_recipe("fast")), _Rung(plain, attempt(plain))
    rungs, notes = list[_Rung](), [
        f"fast, the simplest: {_figures(simple)}; default costs the board the same and is the "
        "measure of all that follows"]
    for recipe in _ladder(job, base, plain, rungs):
        rung = _Rung(recipe, attempt(recipe))
        rungs.append(rung)
        why = _refused(rung, default, job.goal)
        notes.append(f"{recipe.name}: {_figures(rung.trial)}; {why or 'meets the target'}")
        if not why and job.goal.max_drop is not None:
            notes.append(f"stop: of the recipes so far {recipe.name} is the first that meets it")
            return Outcome(recipe, tuple(notes))
        if job.goal.max_drop is None and _dearer(rung, default) > _WORTH[-1][1]:
            notes.append("stop: without a target nothing dearer is tried")
            break
    best = _best([r for r in rungs if not _worse(r.trial, default.trial)
                  and r.trial.fits(job.goal)] or [default], job.goal)
    notes.append(f"chosen: {best.recipe.name}, " + (
        "the least noise for little cost" if job.goal.max_drop is None
        else "no recipe meets the target, it has the least noise"))
    return Outcome(best.recipe, tuple(notes))


def _ladder(job: Job, base: Recipe, default: Recipe, below: list[_Rung]) -> Iterator[Recipe]:
    """Recipes in the order of their cost, made when they are asked for; `below` were tried.

    The first ones cost the board the same and only take longer to find.
    """
    yield default
    yield base
    yield replace(base, name=f"{base.name}, learned rounding", rounding=Rounding.ADAROUND)
    start = max(below, key=lambda rung: rung.trial.sqnr_db).recipe
    result = quantized(job, start)
    found = sensitivity(result.float_graph, result.graph, job.samples, start, (Width(8),),
                        margins=job.classifies)
    seen = start
    for count in _WIDE:
        wide = widened(start, job.graph, found, count)
        if wide.layers != seen.layers:
            seen = wide
            yield replace(wide, name=f"{start.name}, {count} activations in 16 bits")
    yield load_recipe("w8a16")
    yield load_recipe("w16a16")


def _figures(trial: Trial) -> str:
    return (f"SQNR {trial.sqnr_db:.1f} dB, agreement {100 * trial.agreement:.1f} % of the samples "
            f"set aside, expected loss {100 * trial.expected_drop:.2f} points, "
            f"{trial.weight_bytes:,} weight bytes, {trial.arena_bytes:,} arena bytes, about "
            f"{trial.instructions:,} instructions")


def _refused(rung: _Rung, default: _Rung, goal: Goal) -> str:
    """Why a recipe is not taken at once; "" where it is."""
    trial = rung.trial
    if not trial.fits(goal):
        return "over budget"
    if _worse(trial, default.trial):
        return "worse than default"
    if goal.max_drop is not None:
        return "" if meets(trial, goal) else f"misses {goal.max_drop:g} points"
    return "goes on: no target is given"


def _worse(trial: Trial, default: Trial) -> bool:
    return trial.sqnr_db < default.sqnr_db or trial.lost > default.lost


def _dearer(rung: _Rung, plain: _Rung) -> float:
    """How many times the instructions or the RAM of `plain` it takes."""
    one, other = rung.trial, plain.trial
    return max(one.instructions / max(1, other.instructions),
               one.ram_bytes / max(1, other.ram_bytes))


def _best(rungs: list[_Rung], goal: Goal) -> _Rung:
    """The rung of least noise; a dearer one only if that pays where no target asks for it."""
    best = rungs[0]
    for rung in rungs[1:]:
        gain = rung.trial.sqnr_db - best.trial.sqnr_db
        dearer = _dearer(rung, rungs[0])
        if goal.max_drop is not None:
            better = gain > 0
        elif dearer > 1.02:
            better = any(gain >= worth and dearer <= most for worth, most in _WORTH)
        else:
            better = gain >= _SAME_DB
        best = rung if better else best
    return best
