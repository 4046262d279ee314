"""What a search did, for report.json and report.html."""

from __future__ import annotations

from collections.abc import Mapping

from edgeq.evaluate import Evaluation
from edgeq.jsontypes import Json
from edgeq.search.choose import Chosen
from edgeq.search.trial import Trial


def search_json(chosen: Chosen) -> dict[str, Json]:
    """Every trial, which of them nothing beats, the one that was chosen, and why."""
    front = {t.recipe for t in chosen.front}
    return {"notes": list(chosen.notes),
            "trials": [{**_trial(t), "front": t.recipe in front,
                        "chosen": t.recipe == chosen.text} for t in chosen.trials]}


def _trial(t: Trial) -> dict[str, Json]:
    return {"name": t.name, "sqnr_db": round(t.sqnr_db, 2), "agreement": t.agreement,
            "lost": t.lost, "expected_drop": round(t.expected_drop, 5),
            "weights_bytes": t.weight_bytes, "flash_bytes": t.flash_bytes,
            "ram_bytes": t.ram_bytes, "instructions": t.instructions, "recipe": t.recipe}


def saved_share(report: Mapping[str, object]) -> float:
    """The share of the weight bytes of 8 bits that the search in report.json saved."""
    search = report["search"]
    assert isinstance(search, Mapping)
    rows = search["trials"]
    chosen = next(t for t in rows if t["chosen"])
    return 1.0 - float(chosen["weights_bytes"]) / max(1.0, float(rows[0]["weights_bytes"]))


def hurts_more(one: Evaluation, other: Evaluation) -> bool:
    """Whether `one` loses more accuracy than `other`, or where both lose the same more answers."""
    return _loss(one) > _loss(other)


def _loss(e: Evaluation) -> tuple[float, float]:
    drop = 0.0 if e.drop is None else e.drop
    return drop, 0.0 if e.agreement is None else 1.0 - e.agreement
