"""The errors a user can meet; each says where, what was found, what is allowed, what to do."""

from __future__ import annotations


class EdgeqError(Exception):
    """Base of every error that edgeq raises on purpose.

    `where` names the place (file, layer, board, sample), `found` what stands there,
    `allowed` what may stand there, `fix` what the user can do about it.
    """

    exit_code = 2

    def __init__(self, where: str, found: str, allowed: str = "", fix: str = "") -> None:
        self.where, self.found, self.allowed, self.fix = where, found, allowed, fix
        parts = [f"{where}: {found}"]
        if allowed:
            parts.append(f"allowed: {allowed}")
        if fix:
            parts.append(f"what to do: {fix}")
        super().__init__("; ".join(parts))


class ModelError(EdgeqError):
    """The model file is damaged, truncated or inconsistent."""


class UnsupportedError(EdgeqError):
    """The model is sound, but asks for something that edgeq does not do."""


class DataError(EdgeqError):
    """The samples, labels or preprocessing do not fit the model."""


class UsageError(EdgeqError):
    """An option, a recipe, a board or an output folder cannot be used as given."""


class BudgetError(EdgeqError):
    """The result is sound, but misses a RAM, flash or accuracy target."""

    exit_code = 1


class ToolchainError(EdgeqError):
    """A compiler or emulator is missing or failed; `fix` names the package to install."""

    exit_code = 3
