"""Fixtures for all tests: the folder of real models, and the portable kernels as a library."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import native as native_build

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def shared(path: str) -> Path:
    """The real model or data file `path`; skips the test where it is not there."""
    full = SHARED / path
    if not full.exists():
        pytest.skip(f"{path} is not in {SHARED.name}/ beside the repository")
    return full


@pytest.fixture(name="shared")
def shared_fixture() -> Callable[[str], Path]:
    """The function `shared`, for tests that would rather take it as an argument."""
    return shared


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> native_build.Native:
    """The portable kernels, optimized as for `edgeq eval`."""
    return _build(tmp_path_factory, ("-O3", "-march=native"))


@pytest.fixture(scope="session")
def native_ubsan(tmp_path_factory: pytest.TempPathFactory) -> native_build.Native:
    """The portable kernels with undefined behaviour trapped: any of it ends the process."""
    trap = ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    return _build(tmp_path_factory, trap)


def _build(factory: pytest.TempPathFactory, flags: tuple[str, ...]) -> native_build.Native:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return native_build.build(factory.mktemp("native"), flags)
