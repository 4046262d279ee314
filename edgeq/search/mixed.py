"""Mixed precision: an integer program on the noise of single layers, then trials of its choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeq.board import Target
from edgeq.ir import Graph
from edgeq.layers import is_mac, mac_view
from edgeq.lower import lower
from edgeq.quant.sensitivity import Sensitivity, Width, nearest, sensitivity
from edgeq.quant.weight_steps import bias_for
from edgeq.recipe import Layer, Recipe, WeightRange
from edgeq.search.costs import call_instructions
from edgeq.search.knapsack import Item, Solution, front
from edgeq.search.trial import NO_GOAL, Goal, Job, Outcome, Trial, Try, meets, quantized
from edgeq.search.widen import widened

WIDTHS = (Width(8), Width(4), Width(4, 32))  # in the order of a layer's items
_LAST = Width(2, 32)  # where flash is limited: without training 2 bits cost more than noise tells
_POINTS = 6  # of the front that are tried at first
_HALVINGS = 4  # further ones, between the last that meets the target and the first that misses
_MOVES = 6  # single layers that change width at the end
_NEAR = 0.05  # recipes of so little more bytes count as cheap as the cheapest
_WIDE = (1, 3, 6)  # how many of the noisiest activations become 16 bits
BEYOND = 0.25  # points that a search without any goal may be expected to lose beyond 8 bits


@dataclass(frozen=True)
class Sized:
    """What a layer costs at each of the widths; one entry where it has no choice."""

    layer: str
    items: tuple[Item, ...]


def search_mixed(job: Job, base: Recipe, attempt: Try) -> Outcome:
    """The recipe with the fewest bytes that loses no more than the goal allows.

    Without `max_drop`, but with a budget, the one of least noise within the budgets. `base` says
    all that is not searched for; `attempt` tries a recipe.
    """
    goal, notes = job.goal, list[str]()
    plain = attempt(base)
    if goal == NO_GOAL:
        goal = Goal(max_drop=100 * plain.expected_drop + BEYOND)
        notes.append(f"no goal was given: an expected loss of {goal.max_drop:.2f} points, which is "
                     f"{BEYOND} more than with 8 bits, is allowed")
    widths = WIDTHS if goal.max_flash is None else (*WIDTHS, _LAST)
    wide = quantized(job, base)
    found = sensitivity(wide.float_graph, wide.graph, job.samples, base, widths,
                        lambda share: job.progress("measure each layer's sensitivity", share))
    sized = sizes(wide.graph, wide.float_graph, found, base, job.target, widths)
    line = _line(front([s.items for s in sized], max_work=_work(sized, plain, goal)))
    notes.append(f"integer program over {sum(len(s.items) > 1 for s in sized)} layers: "
                 f"{len(line)} choices that no other beats in bytes and noise")

    def recipe_of(solution: Solution) -> Recipe:
        return narrowed(base, {s.layer: widths[pick] for s, pick in
                               zip(sized, solution.picks, strict=True) if pick})

    trials: dict[str, tuple[Trial, Recipe]] = {plain.recipe: (plain, base)}

    def see(recipe: Recipe) -> Trial:
        trial = attempt(recipe)
        trials[trial.recipe] = trial, recipe
        return trial

    _along(line, recipe_of, see, goal)
    best = _best(trials.values(), goal)
    best = _moved(sized, best, base, see, goal, notes)
    for count in _WIDE:
        see(named(widened(best[1], job.graph, found, count)))
    best = _best(trials.values(), goal)
    notes.append(_reason(best[0], plain, goal))
    return Outcome(best[1], tuple(notes))


def sizes(ints: Graph, real: Graph, found: Sensitivity, recipe: Recipe,
          target: Target, widths: Sequence[Width] = WIDTHS) -> tuple[Sized, ...]:
    """Bytes, instructions and noise of every layer with weights, at each width it can have."""
    noise = {(w.layer, w.width): w.noise for w in found.weights}
    plans = {width: lower(_stored(real, ints, recipe, width), target, "sizes")
             for width in widths}
    costs = {width: {c.name: (sum(b.nbytes for b in c.blobs), call_instructions(plan, c))
                     for c in plan.calls} for width, plan in plans.items()}
    made = []
    for op in real.ops:
        if is_mac(op):
            own = recipe.of(op.name).act_bits == 8 and not mac_view(real, op).depthwise
            made.append(Sized(op.name, tuple(
                Item(*costs[width][op.name], noise[op.name, width])
                for width in (widths if own else widths[:1]))))
    return tuple(made)


def _stored(real: Graph, ints: Graph, recipe: Recipe, width: Width) -> Graph:
    """`ints` with weights of `width` wherever kernels take them, rounded to nearest."""
    if width.bits == 8:
        return ints
    changed = []
    for op in real.ops:
        if is_mac(op) and not mac_view(real, op).depthwise:
            weight = nearest(real, ints, op, recipe, width)
            changed += [weight, bias_for(real, ints, op, weight.params)]
    return ints.with_tensors(*changed)


def narrowed(base: Recipe, widths: Mapping[str, Width]) -> Recipe:
    """`base` with weights of the `widths` given by layer."""
    return base if not widths else named(replace(base, layers=(*base.layers, *(
        Layer(n, weight_bits=w.bits, group_size=w.group, weight_range=WeightRange.MSE)
        for n, w in widths.items()))))


def named(recipe: Recipe) -> Recipe:
    """`recipe` called after what it does to its layers."""
    base = recipe.name.split(":")[0]
    four, two = (sum(x.weight_bits == bits for x in recipe.layers) for bits in (4, 2))
    sixteen = sum(x.act_bits == 16 for x in recipe.layers)
    parts = [f"{four} layers of 4-bit weights"] * bool(four)
    parts += [f"{two} layers of 2-bit weights"] * bool(two)
    parts += [f"{sixteen} operators in 16 bits"] * bool(sixteen)
    return replace(recipe, name=f"{base}: {', '.join(parts) or '8 bits'}")


def _work(sized: Sequence[Sized], plain: Trial, goal: Goal) -> float:
    """The instructions that the goal leaves to layers with weights."""
    if goal.max_instructions is None:
        return float("inf")
    return goal.max_instructions - plain.instructions + sum(s.items[0].work for s in sized)


def _line(solutions: Sequence[Solution]) -> list[Solution]:
    """Those of `solutions` (by size) that none of at most their size beats in noise."""
    kept: list[Solution] = []
    for s in solutions:
        if not kept or s.noise < kept[-1].noise:
            kept.append(s)
    return kept


def _along(line: Sequence[Solution], recipe_of: Callable[[Solution], Recipe],
           see: Callable[[Recipe], Trial], goal: Goal) -> None:
    """Trials of points spread over the line, then closer and closer to where the goal is met."""
    if not line:
        return
    spread = [round(i * (len(line) - 1) / (_POINTS - 1)) for i in range(_POINTS)]
    met = {i: meets(see(recipe_of(line[i])), goal) for i in dict.fromkeys(spread)}
    for _ in range(_HALVINGS):
        good = min((i for i, ok in met.items() if ok), default=None)
        if good is None or good == 0:
            return
        bad = max((i for i in met if i < good), default=-1)
        if good - bad < 2:
            return
        middle = (good + bad) // 2
        met[middle] = meets(see(recipe_of(line[middle])), goal)


def _moved(sized: Sequence[Sized], best: tuple[Trial, Recipe], base: Recipe,
           see: Callable[[Recipe], Trial], goal: Goal,
           notes: list[str]) -> tuple[Trial, Recipe]:
    """`best` after single layers of 8 bits went to 4, those first that cost least noise a byte."""
    if goal.max_drop is None or not meets(best[0], goal):
        return best
    narrow = {x.name: Width(x.weight_bits, x.group_size or 0) for x in best[1].layers
              if x.weight_bits is not None and x.weight_bits < 8}
    rest = [s for s in sized if len(s.items) > 1 and s.layer not in narrow]

    def price(s: Sized) -> float:
        eight, four = s.items[:2]
        return (four.noise - eight.noise) / max(eight.size - four.size, 1.0)

    for s in sorted(rest, key=price)[:_MOVES]:
        recipe = narrowed(base, {**narrow, s.layer: WIDTHS[1]})
        trial = see(recipe)
        if meets(trial, goal) and trial.flash_bytes < (1 - _NEAR) * best[0].flash_bytes:
            narrow[s.layer] = WIDTHS[1]
            best = trial, recipe
            notes.append(f"{s.layer} in 4 bits as well: the goal still holds")
    return best


def _best(trials: Iterable[tuple[Trial, Recipe]], goal: Goal) -> tuple[Trial, Recipe]:
    """The cheapest that meets the goal; else, or without max_drop, the one of least noise.

    Of recipes that hardly differ in bytes the least noise counts: trials on few samples scatter,
    and the very cheapest of many is easily one that was lucky.
    """
    rows = list(trials)
    good = [r for r in rows if meets(r[0], goal)]
    if good and goal.max_drop is not None:
        most = (1 + _NEAR) * min(_bytes(r[0]) for r in good)
        return max((r for r in good if _bytes(r[0]) <= most), key=lambda r: r[0].sqnr_db)
    fitting = good or [r for r in rows if r[0].fits(goal)]
    if fitting:
        return max(fitting, key=lambda r: r[0].sqnr_db)
    return min(rows, key=lambda r: _bytes(r[0]))


def _bytes(trial: Trial) -> int:
    return trial.flash_bytes + trial.ram_bytes


def _reason(trial: Trial, plain: Trial, goal: Goal) -> str:
    saved = 1 - trial.weight_bytes / max(1, plain.weight_bytes)
    what = (f"{100 * saved:.0f} % fewer weight bytes than {plain.name!r}, expected loss "
            f"{100 * trial.expected_drop:.2f} points")
    if meets(trial, goal):
        return f"chosen: {what}"
    return f"chosen: {what}; nothing tried meets the goal, this comes nearest"

