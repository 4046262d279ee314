"""Where templates/, runtime_c/ and boards/ lie: in the wheel, or beside the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(kind: str) -> Path:
    """The folder `kind` ("templates", "runtime_c", "boards", "examples") of this installation."""
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        if (root / kind).is_dir():
            return root / kind
    raise AssertionError(f"{kind} is missing from this installation")
