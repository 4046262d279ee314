"""Mixed precision: an integer program on the noise of single layers, then trials of its choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edgeq.board import Target
from edgeq.ir import Graph
from edgeq.layers import is_mac, mac_view
from edgeq.lower import lower
from edgeq.quant.sensitivity import Sensitivity, Width, nearest, sensitivity
from edgeq.quant.weight_steps import bias_for
from edgeq.recipe import Recipe
from edgeq.search.costs import call_instructions
from edgeq.search.knapsack import Item, Solution, front
from edgeq.search.trial import NO_GOAL, Goal, Job, Outcome, Trial, Try, meets, quantized, quiet
from edgeq.search.variants import learned, named, narrowed
from edgeq.search.widen import widened

# of a layer's weights, in the order of its items
WIDTHS = (Width(8), Width(4), Width(4, 128), Width(4, 64), Width(4, 32))
_LAST = Width(2, 32)  # where flash is limited: without training 2 bits cost more than noise tells
_POINTS = 6  # of the front that are tried at first
_HALVINGS = 4  # further ones, between the last that meets the target and the first that misses
_MOVES = 6  # single layers that change width at the end
_NEAR = 0.05  # recipes of so little more bytes count as cheap as the cheapest
_WIDE = (1, 3, 6)  # how many of the noisiest activations become 16 bits
_DEARER = 0.1  # more RAM and instructions, of the least, are no price for less noise
_SPARE = (0.0, 0.02, 0.05)  # of the bytes, that are saved beyond the goal for its sake
SAVING = 35.0  # percent of the weight bytes that a search without any goal saves
BEYOND = 0.25  # points that it may be expected to lose beyond 8 bits


@dataclass(frozen=True)
class Sized:
    """What a layer costs at each of the widths; one entry where it has no choice."""

    layer: str
    items: tuple[Item, ...]


@dataclass(frozen=True, eq=False)
class _Search:
    """What the steps of one search share."""

    job: Job
    goal: Goal
    base: Recipe
    widths: Sequence[Width]
    sized: tuple[Sized, ...]
    plain: Trial  # of 8 bits
    see: Callable[[Recipe], Trial]

    def recipe_of(self, solution: Solution) -> Recipe:
        return narrowed(self.base, {s.layer: self.widths[pick] for s, pick in
                                    zip(self.sized, solution.picks, strict=True) if pick})

    @property
    def most_bytes(self) -> float:
        """Of weights, that the goal leaves."""
        if self.goal.min_saving is None:
            return float("inf")
        return (1 - self.goal.min_saving / 100) * self.plain.weight_bytes

    def meets(self, trial: Trial) -> bool:
        return meets(trial, self.goal) and trial.weight_bytes <= self.most_bytes


def search_mixed(job: Job, base: Recipe, attempt: Try) -> Outcome:
    """The recipe that holds the goal: for a saving the least noise, else the fewest bytes.

    With budgets alone it is the one of least noise within them. `base` says all that is not
    searched for; `attempt` tries a recipe.
    """
    goal, notes, plain = job.goal, list[str](), attempt(base)
    if goal == NO_GOAL:
        goal = Goal(max_drop=100 * plain.expected_drop + BEYOND, min_saving=SAVING)
        notes.append(f"no goal was given: {SAVING:g} % fewer weight bytes with the least noise, "
                     f"and an expected loss of at most {goal.max_drop:.2f} points, which is "
                     f"{BEYOND} more than with 8 bits")
    widths = WIDTHS if goal.max_flash is None else (*WIDTHS, _LAST)
    wide = quantized(job, base)
    found = sensitivity(wide.float_graph, wide.graph, job.samples, base, widths,
                        lambda share: job.progress("measure each layer's sensitivity", share),
                        job.classifies)
    sized = sizes(wide.graph, wide.float_graph, found, base, job.target, widths)
    if goal.max_ram is not None:
        sized = within(goal.max_ram - plain.stack_bytes, sized, wide.graph, wide.float_graph, base,
                       job.target, widths)
    trials: dict[str, tuple[Trial, Recipe]] = {plain.recipe: (plain, base)}

    def see(recipe: Recipe) -> Trial:
        trial = attempt(recipe)
        trials[trial.recipe] = trial, recipe
        return trial

    search = _Search(job, goal, base, widths, sized, plain, see)
    line = _line(front([s.items for s in sized], max_work=_work(search)))
    notes.append(f"integer program over {sum(len(s.items) > 1 for s in sized)} layers: "
                 f"{len(line)} choices that no other beats in bytes and noise")
    if goal.min_saving is not None:
        _at_the_saving(search, line)
    if goal.min_saving is None or not any(search.meets(t) for t, _ in trials.values()):
        _along(search, line)
        _moved(search, _best(search, trials.values()), notes)
    best = _best(search, trials.values())
    see(learned(best[1]))
    for count in _WIDE:
        see(named(widened(best[1], job.graph, found, count)))
    see(named(widened(best[1], job.graph, found, _WIDE[0], weight_bits=16)))
    best = _best(search, trials.values())
    notes.append(_reason(search, best[0]))
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


def within(most: int, sized: Sequence[Sized], ints: Graph, real: Graph, recipe: Recipe,
           target: Target, widths: Sequence[Width] = WIDTHS) -> tuple[Sized, ...]:
    """`sized` without the widths that alone take the arena beyond `most` bytes: endless noise.

    Kernels unpack groups into the arena. Where 8 bits do not fit either, nothing is left out.
    """

    def fits(width: Width, only: str | None = None) -> bool:
        return lower(_stored(real, ints, recipe, width, only), target,
                     "sizes").placement.arena <= most

    if not fits(widths[0]):
        return tuple(sized)
    large = [i for i, width in enumerate(widths) if not fits(width)]

    def kept(s: Sized) -> Sized:
        eight = s.items[0]
        never = Item(eight.size, eight.work, float("inf"))
        return Sized(s.layer, tuple(
            never if i in large and not fits(widths[i], s.layer) else item
            for i, item in enumerate(s.items)))

    return tuple(kept(s) if len(s.items) > 1 else s for s in sized)


def _stored(real: Graph, ints: Graph, recipe: Recipe, width: Width,
            only: str | None = None) -> Graph:
    """`ints` with weights of `width` wherever kernels take them, or in one layer; to nearest."""
    if width.bits == 8:
        return ints
    changed = []
    for op in real.ops:
        if is_mac(op) and not mac_view(real, op).depthwise and only in (None, op.name):
            weight = nearest(real, ints, op, recipe, width)
            changed += [weight, bias_for(real, ints, op, weight.params)]
    return ints.with_tensors(*changed)


def _work(search: _Search) -> float:
    """The instructions that the goal leaves to layers with weights."""
    if search.goal.max_instructions is None:
        return float("inf")
    eight = sum(s.items[0].work for s in search.sized)
    return search.goal.max_instructions - search.plain.instructions + eight


def _line(solutions: Sequence[Solution]) -> list[Solution]:
    """Those of `solutions` (by size) that none of at most their size beats in noise."""
    kept: list[Solution] = []
    for s in solutions:
        if not kept or s.noise < kept[-1].noise:
            kept.append(s)
    return kept


def _at_the_saving(search: _Search, line: Sequence[Solution]) -> None:
    """Trials of the choices of least noise that save what is asked, with some bytes to spare.

    The sizes of the program are those of layers alone: small tables may come to them.
    """
    other = search.plain.weight_bytes - sum(s.items[0].size for s in search.sized)
    for spare in _SPARE:
        most = (1 - spare) * search.most_bytes - other
        fitting = [s for s in line if s.size <= most]
        if fitting:
            search.see(search.recipe_of(min(fitting, key=lambda s: s.noise)))


def _along(search: _Search, line: Sequence[Solution]) -> None:
    """Trials of points spread over the line, then closer and closer to where the goal is met."""
    if not line:
        return

    def holds(index: int) -> bool:
        return meets(search.see(search.recipe_of(line[index])), search.goal)

    spread = [round(i * (len(line) - 1) / (_POINTS - 1)) for i in range(_POINTS)]
    met = {i: holds(i) for i in dict.fromkeys(spread)}
    for _ in range(_HALVINGS):
        good = min((i for i, ok in met.items() if ok), default=None)
        if good is None or good == 0:
            return
        bad = max((i for i in met if i < good), default=-1)
        if good - bad < 2:
            return
        middle = (good + bad) // 2
        met[middle] = holds(middle)


def _moved(search: _Search, best: tuple[Trial, Recipe], notes: list[str]) -> None:
    """Trials of `best` with single layers of 4 bits more, cheapest in noise a byte first."""
    goal = search.goal
    if goal.max_drop is None or not meets(best[0], goal):
        return
    narrow = {x.name: Width(x.weight_bits, x.group_size or 0) for x in best[1].layers
              if x.weight_bits is not None and x.weight_bits < 8}
    rest = [s for s in search.sized if len(s.items) > 1 and s.layer not in narrow]

    def price(s: Sized) -> float:
        eight, four = s.items[:2]
        return (four.noise - eight.noise) / max(eight.size - four.size, 1.0)

    for s in sorted(rest, key=price)[:_MOVES]:
        recipe = narrowed(search.base, {**narrow, s.layer: WIDTHS[1]})
        trial = search.see(recipe)
        if meets(trial, goal) and trial.flash_bytes < (1 - _NEAR) * best[0].flash_bytes:
            narrow[s.layer] = WIDTHS[1]
            best = trial, recipe
            notes.append(f"{s.layer} in 4 bits as well: the goal still holds")


def _best(search: _Search, trials: Iterable[tuple[Trial, Recipe]]) -> tuple[Trial, Recipe]:
    """Of what saves enough and meets the goal the least noise; else the cheapest that meets it.

    Of recipes that hardly differ in bytes the least noise counts: trials on few samples scatter,
    and the very cheapest of many is easily one that was lucky. Where nothing meets the goal, or
    it has no `max_drop`, it is the least noise within the budgets.
    """
    rows, goal = list(trials), search.goal
    good = [r for r in rows if meets(r[0], goal)]
    saving = [r for r in good if search.meets(r[0])]
    if goal.min_saving is not None and saving:
        return max(_lean(saving), key=lambda r: quiet(r[0]))
    if good and goal.max_drop is not None:
        most = (1 + _NEAR) * min(_bytes(r[0]) for r in good)
        return max((r for r in good if _bytes(r[0]) <= most), key=lambda r: quiet(r[0]))
    fitting = good or [r for r in rows if r[0].fits(goal)]
    if fitting:
        return max(fitting, key=lambda r: quiet(r[0]))
    return min(rows, key=lambda r: _bytes(r[0]))


def _lean(rows: list[tuple[Trial, Recipe]]) -> list[tuple[Trial, Recipe]]:
    """Those of `rows` that take little more RAM and instructions than the least of them."""
    ram, work = (min(values) for values in ([t.ram_bytes for t, _ in rows],
                                            [t.instructions for t, _ in rows]))
    return [(t, r) for t, r in rows if t.ram_bytes <= (1 + _DEARER) * ram
            and t.instructions <= (1 + _DEARER) * work] or rows


def _bytes(trial: Trial) -> int:
    return trial.flash_bytes + trial.ram_bytes


def _reason(search: _Search, trial: Trial) -> str:
    plain = search.plain
    saved = 1 - trial.weight_bytes / max(1, plain.weight_bytes)
    what = (f"{100 * saved:.0f} % fewer weight bytes than {plain.name!r}, expected loss "
            f"{100 * trial.expected_drop:.2f} points")
    if search.meets(trial):
        return f"chosen: {what}"
    return f"chosen: {what}; nothing tried meets the goal, this comes nearest"
