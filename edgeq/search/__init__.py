"""Choosing a recipe by measurement: mixed precision, and escalation until a target is met."""

from __future__ import annotations

from edgeq.search.choose import Chosen, choose_recipe
from edgeq.search.trial import NO_GOAL, Goal, job_of

__all__ = ["NO_GOAL", "Chosen", "Goal", "choose_recipe", "job_of"]
