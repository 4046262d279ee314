"""Compiling C for this machine: objects and libraries in a cache keyed by content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edgeq.cache import cache_dir, prune, touch
from edgeq.errors import ToolchainError

_NAMES = ("cc", "gcc", "clang")


@dataclass(frozen=True)
class HostCompiler:
    """A C compiler of this machine and what it answers to --version."""

    path: str
    version: str
    native: bool  # takes -march=native


def find_compiler() -> HostCompiler:
    """$CC, cc, gcc or clang; ToolchainError where this machine has none."""
    for name in (os.environ.get("CC", ""), *_NAMES):
        path = shutil.which(name) if name else None
        if path is not None:
            return _probe(path)
    raise ToolchainError("host compiler", "no C compiler found", "cc, gcc or clang on the PATH",
                         "install one, e.g. `apt-get install gcc`, or set CC")


@lru_cache(maxsize=8)
def _probe(path: str) -> HostCompiler:
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    trial = subprocess.run([path, "-march=native", "-x", "c", "-c", "-o", os.devnull, "-"],
                           input="int x;", capture_output=True, text=True, check=False)
    return HostCompiler(path, version.stdout, trial.returncode == 0)


def build(folder: Path, flags: Sequence[str], link: Sequence[str],
          extra: Sequence[tuple[str, str]] = ()) -> Path:
    """Compile `folder`/src/*.c and the `extra` (name, text) sources, and link them.

    Returns the linked file in the cache; nothing is compiled twice. Raises ToolchainError.
    """
    compiler = find_compiler()
    sources = sorted((folder / "src").glob("*.c"))
    if not sources:
        raise ToolchainError(str(folder), "holds no generated sources", "a folder made by edgeq",
                             "run `edgeq build` again")
    root = cache_dir()
    jobs = [_Job.of_file(compiler, folder, flags, s) for s in sources]
    jobs += [_Job.of_text(compiler, folder, flags, name, text) for name, text in extra]
    key = _digest(*(job.key for job in jobs), *link)
    target = root / f"{key}.bin"
    if target.exists():
        touch(target)
        return target
    prune(root)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(lambda job: job.compile(root), jobs))
    _run_to(target, [compiler.path, *map(str, objects), *link])
    return target


@dataclass(frozen=True)
class _Job:
    """One object file to make; `key` covers everything that it depends on."""

    command: tuple[str, ...]
    name: str
    text: str
    key: str

    @classmethod
    def of_file(cls, compiler: HostCompiler, folder: Path, flags: Sequence[str],
                source: Path) -> _Job:
        return cls.of_text(compiler, folder, flags, source.name,
                           source.read_text(encoding="utf-8"))

    @classmethod
    def of_text(cls, compiler: HostCompiler, folder: Path, flags: Sequence[str], name: str,
                text: str) -> _Job:
        headers = sorted((*(folder / "include").glob("*.h"), *(folder / "src").glob("*.h")))
        if name.startswith("eq_"):  # runtime files know only each other: shared by all models
            headers = [h for h in headers if h.name.startswith(("eq.", "eq_"))]
        command = (compiler.path, *flags, f"-I{folder / 'include'}", f"-I{folder / 'src'}", "-c")
        key = _digest(compiler.path, compiler.version, *flags, name, text,
                      *(f"{h.name}\n{h.read_text(encoding='utf-8')}" for h in headers))
        return cls(command, name, text, key)

    def compile(self, root: Path) -> Path:
        target = root / f"{self.key}.o"
        if target.exists():
            touch(target)
        else:
            with tempfile.TemporaryDirectory(prefix="edgeq-") as temp:
                source = Path(temp) / self.name
                source.write_text(self.text, encoding="utf-8")
                _run_to(target, [*self.command, str(source)])
        return target


def _run_to(target: Path, command: Sequence[str]) -> None:
    """Run a compiler command whose output becomes `target` only when it succeeded."""
    handle, temp = tempfile.mkstemp(prefix=".new-", dir=target.parent)
    os.close(handle)
    try:
        done = subprocess.run([*command, "-o", temp], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            tail = "\n".join(done.stderr.strip().splitlines()[-20:])
            raise ToolchainError(command[0], f"failed on generated code:\n{tail}", "",
                                 "set CC to another compiler, e.g. gcc (apt-get install gcc)")
        os.replace(temp, target)
    finally:
        Path(temp).unlink(missing_ok=True)


def _digest(*parts: str) -> str:
    h = hashlib.sha256()
    for part in parts:
        h.update(f"{len(part)}:".encode())
        h.update(part.encode())
    return h.hexdigest()[:32]
