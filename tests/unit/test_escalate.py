"""What escalation takes: a dearer recipe only where it pays, none that is worse than default."""

from __future__ import annotations

import pytest

from edgeq.recipe import load_recipe
from edgeq.search.escalate import _best, _refused, _Rung
from edgeq.search.trial import NO_GOAL, Goal, Trial

PLAIN = load_recipe("default")


def rung(name: str, db: float, loss: float, cost: float = 1.0, lost: int = 0) -> _Rung:
    """A recipe with `loss` points of expected loss and `cost` times the RAM and instructions."""
    trial = Trial(name, name, db, 1.0, lost, loss / 100, 1000, 10, round(4000 * cost), 0, 0,
                  round(100_000 * cost))
    return _Rung(PLAIN, trial)


@pytest.mark.parametrize(("others", "chosen"), [
    ([rung("a", 30.4, 0.5)], "default"),  # 0.4 dB are no reason
    ([rung("a", 30.6, 0.5)], "a"),
    ([rung("a", 31.5, 0.5, 1.4)], "a"),
    ([rung("a", 33.0, 0.1, 1.8)], "default"),  # 3 dB for 1.8 times
    ([rung("a", 45.0, 0.1, 1.8)], "a"),
    ([rung("a", 45.0, 0.1, 2.6)], "default"),
    ([rung("a", 36.0, 0.1, 1.1), rung("b", 39.0, 0.0, 2.0)], "a"),
    ([rung("a", 36.0, 0.1, 1.1), rung("b", 48.0, 0.0, 2.0)], "b"),
])
def test_without_a_target_a_dearer_recipe_must_pay(others: list[_Rung], chosen: str) -> None:
    default = rung("default", 30.0, 0.5)
    assert _best([default, *others], NO_GOAL).trial.name == chosen


def test_reasons_to_go_on() -> None:
    default, goal = rung("default", 30.0, 0.5), Goal(max_drop=0.3)
    assert _refused(rung("a", 40.0, 0.2), default, goal) == ""
    assert _refused(rung("a", 40.0, 0.4), default, goal) == "misses 0.3 points"
    assert _refused(rung("a", 29.0, 0.2), default, goal) == "worse than default"
    assert _refused(rung("a", 40.0, 0.2, lost=1), default, goal) == "worse than default"
    tight = Goal(max_drop=0.3, max_ram=5000)
    assert _refused(rung("a", 40.0, 0.2, 1.5), default, tight) == "over budget"
    assert "no target" in _refused(rung("a", 40.0, 0.2), default, NO_GOAL)
