"""A bound of the stack: the deepest path of calls in the linked code, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeq.target.disassembly import Instruction, Kind

RESOLVED_LATER = 64  # bytes for a function that the C library picks at run time (Linux only)

_NODE = re.compile(
    r'^node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes \(([^)]*)\)', re.MULTILINE)
_PRE_INDEXED = re.compile(r"^st\S* .*\[sp, #-(\d+)\]!")
_SUBTRACT = re.compile(r"^sub\S* sp,(?: sp,)? #(0x[0-9a-f]+|\d+)")
_VARIABLE = re.compile(r"^(sub|add)\S* sp,(?: sp,)? [rxw]\d")
_TARGET = re.compile(
    r"^(?:bl?x?(?:\.\w+)?|b\w\w(?:\.[nw])?|cbn?z \w+,|tbn?z \w+, #\d+,) ([0-9a-f]+)$")
_INDIRECT = re.compile(r"^blx? \w*r\d|^blx (r|ip)|^blr ")


@dataclass
class _Function:
    """What one function takes and whom it calls (entry addresses); frame None: unknown."""

    name: str
    frame: int | None
    variable: bool
    calls: set[int]
    indirect: bool = False  # calls through a pointer as well


def stack_bound(program: Mapping[int, Instruction], objects: Iterable[Path], root: str
                ) -> int | None:
    """Bytes that `root` and all it calls take at most; None when the code does not tell.

    A frame is the sum of everything the function takes from the stack pointer, or what GCC's
    call graph beside `objects` says (suffix .ci), whichever is more. A call through a pointer may
    reach any function that leads to no such call itself. Interrupts come on top.
    """
    functions = _functions(program, _compiler_frames(objects))
    entry = next((e for e, f in functions.items() if f.name == root), None)
    if entry is None:
        return None
    _resolve_pointers(entry, functions)
    return _deepest(entry, functions, ())


def _resolve_pointers(root: int, functions: Mapping[int, _Function]) -> None:
    """Let a call through a pointer reach every function that leads neither to `root` nor to another
    such call; start-up and main lead to `root`.
    """
    through = [e for e, f in functions.items() if f.indirect]
    ends = [root, *through]
    pointed = {e for e in functions
               if not any(_reaches(e, end, functions, set()) for end in ends)}
    for entry in through:
        functions[entry].calls |= pointed


def _reaches(start: int, goal: int, functions: Mapping[int, _Function], seen: set[int]) -> bool:
    """True where calls by name lead from `start` to `goal`."""
    if start == goal:
        return True
    seen.add(start)
    return any(
        _reaches(callee, goal, functions, seen)
        for callee in functions[start].calls if callee in functions and callee not in seen
    )


def _compiler_frames(objects: Iterable[Path]) -> dict[str, int]:
    """Frame sizes that GCC reports, by function; of equal names the largest."""
    frames: dict[str, int] = {}
    for path in (o.with_suffix(".ci") for o in objects):
        if path.is_file():
            for title, size, kind in _NODE.findall(path.read_text(errors="replace")):
                name = title.rsplit(":", 1)[-1]
                if kind != "dynamic":
                    frames[name] = max(frames.get(name, 0), int(size))
    return frames


def _functions(program: Mapping[int, Instruction], frames: Mapping[str, int]
               ) -> dict[int, _Function]:
    """Every function of the image by its entry address."""
    found: dict[int, _Function] = {}
    for instruction in program.values():
        function = found.setdefault(
            instruction.entry, _Function(instruction.function, 0, False, set()))
        text = instruction.text
        if _INDIRECT.match(text):
            function.indirect = True
        elif match := _TARGET.match(text):
            target = program.get(int(match[1], 16))
            callee = target.entry if target is not None else -1
            if callee != instruction.entry or instruction.kind is Kind.CALL:
                function.calls.add(callee)
        function.variable |= _VARIABLE.match(text) is not None
        if function.frame is not None:
            function.frame += _taken(instruction)
    for function in found.values():
        known = frames.get(function.name)
        if function.variable and known is None:
            function.frame = None
        if function.frame is not None:
            function.frame = max(function.frame, known or 0)
    return found


def _taken(instruction: Instruction) -> int:
    """Bytes by which an instruction lowers the stack pointer."""
    text = instruction.text
    if instruction.kind is Kind.MULTI and text.startswith(("push", "vpush", "stmdb")):
        if text.startswith("stmdb") and "sp!" not in text:
            return 0
        return instruction.units * (8 if "{d" in text else 4)
    match = _PRE_INDEXED.match(text) or _SUBTRACT.match(text)
    return int(match[1], 0) if match else 0


def _deepest(entry: int, functions: Mapping[int, _Function], above: tuple[int, ...]
             ) -> int | None:
    """Depth of the tree of calls below `entry`; None for recursion or an unknown frame."""
    function = functions.get(entry)
    if function is None or function.name.endswith("@plt"):
        return RESOLVED_LATER
    if function.frame is None or entry in above:
        return None
    deepest = 0
    for callee in function.calls:
        below = _deepest(callee, functions, (*above, entry))
        if below is None:
            return None
        deepest = max(deepest, below)
    return function.frame + deepest
