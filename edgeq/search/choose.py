"""The recipe that a build uses: the one given, or the one that a search finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgeq.recipe import Recipe, Search
from edgeq.recipe_text import recipe_text
from edgeq.search.escalate import escalate
from edgeq.search.mixed import search_mixed
from edgeq.search.state import load_state
from edgeq.search.trial import Job, Trial, float_scores, try_recipe


@dataclass(frozen=True)
class Chosen:
    """A recipe and how it was found."""

    recipe: Recipe
    text: str  # of a file to keep: it gives the same library
    notes: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()  # in the order they were wanted

    def with_note(self, note: str) -> Chosen:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))

    @property
    def front(self) -> tuple[Trial, ...]:
        """The trials that no other beats in flash, instructions and noise; by flash."""
        rows = sorted(self.trials, key=lambda t: (t.flash_bytes, t.instructions, -t.sqnr_db))
        return tuple(t for t in rows if not any(_beats(other, t) for other in rows))


def _beats(a: Trial, b: Trial) -> bool:
    better = (a.flash_bytes <= b.flash_bytes, a.instructions <= b.instructions,
              a.sqnr_db >= b.sqnr_db)
    return all(better) and (a.flash_bytes, a.instructions, a.sqnr_db) != (
        b.flash_bytes, b.instructions, b.sqnr_db)


def choose_recipe(job: Job, recipe: Recipe, folder: Path | None = None) -> Chosen:
    """What `recipe.search` asks for; trials are kept below `folder`, so that a search goes on."""
    state = load_state(folder, job)
    scores, wanted = float_scores(job), dict[str, Trial]()

    def kept(candidate: Recipe) -> Recipe:
        """`candidate` on the user's data and operators."""
        return replace(candidate, scale=recipe.scale, offset=recipe.offset,
                       label_offset=recipe.label_offset, balance=recipe.balance,
                       custom=recipe.custom)

    def attempt(candidate: Recipe) -> Trial:
        nonlocal state
        candidate = kept(candidate)
        text = recipe_text(candidate)
        if text not in state.trials:
            job.progress(f"try {candidate.name}", 0.0)
            state = state.with_trial(try_recipe(job, candidate, text, scores))
        wanted[text] = state.trials[text]
        return wanted[text]

    search = search_mixed if recipe.search is Search.MIXED else escalate
    outcome = search(job, replace(recipe, search=Search.NONE), attempt)
    found = kept(outcome.recipe)
    return Chosen(found, recipe_text(found), outcome.notes, tuple(wanted.values()))
