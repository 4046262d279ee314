"""What a search has found so far, kept in a file: a search that was killed goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_type_hints

import edgeq
from edgeq.search.trial import Job, Trial

_FOLDER = "search"
_METHOD = 2  # of measuring a trial; what another one measured is measured again


@dataclass(frozen=True)
class State:
    """Trials by the text of their recipe, in a file that belongs to one job."""

    path: Path | None  # None: nothing is kept
    trials: Mapping[str, Trial]

    def with_trial(self, trial: Trial) -> State:
        """The state with one more trial, saved."""
        state = State(self.path, {**self.trials, trial.recipe: trial})
        if self.path is not None:
            content = json.dumps([asdict(t) for t in state.trials.values()], indent=1)
            part = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            with contextlib.suppress(OSError):  # a full disk costs the resumption, not the search
                self.path.parent.mkdir(parents=True, exist_ok=True)
                part.write_text(content, encoding="utf-8")
                part.replace(self.path)
        return state


def load_state(folder: Path | None, job: Job) -> State:
    """What is known of the job in `folder`; a file that cannot be read counts as none."""
    if folder is None:
        return State(None, {})
    path = folder / _FOLDER / f"{job_key(job)}.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        trials = [_trial(row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        trials = []
    return State(path, {t.recipe: t for t in trials})


def _trial(row: Mapping[str, object]) -> Trial:
    hints = get_type_hints(Trial)
    if set(row) != {f.name for f in fields(Trial)}:
        raise ValueError("another version")
    return Trial(**{key: hints[key](value) for key, value in row.items()})


def job_key(job: Job) -> str:
    """A hash of all that a trial depends on: network, samples, labels, board, version."""
    digest = hashlib.sha256(f"{edgeq.__version__} {_METHOD}".encode())
    for name, tensor in sorted(job.graph.tensors.items()):
        digest.update(f"{name} {tensor.shape}".encode())
        if tensor.data is not None:
            digest.update(tensor.data.tobytes())
    for op in job.graph.ops:
        digest.update(repr(op).encode())
    for x in job.samples:
        digest.update(x.tobytes())
    digest.update(b"" if job.y is None else job.y.tobytes())
    sized = (job.goal.max_flash, job.goal.max_ram) != (None, None)  # code is compiled only then
    digest.update(repr((job.target, sized)).encode())
    return digest.hexdigest()[:32]
