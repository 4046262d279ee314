"""Figures of other runtimes, and the goals that were set from them (peers.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("peers.json")


@dataclass(frozen=True)
class Peer:
    """Executed instructions of the peer runtime and the goal; None: not measured, not set."""

    instructions: int | None
    goal: int | None
    source: str


@cache
def _content() -> dict[str, object]:
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def peer_of(model: str, board: str) -> Peer:
    """The peer's figure of a model on a board."""
    boards = _content()["instructions"]
    assert isinstance(boards, dict)
    row = boards.get(board, {})
    entry = row.get(model, {})
    return Peer(entry.get("peer"), entry.get("goal"), row.get("source") or "")


def sources() -> dict[str, str]:
    """What the short names of the peers stand for."""
    found = _content()["sources"]
    assert isinstance(found, dict)
    return found
