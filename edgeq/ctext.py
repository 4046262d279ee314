"""Small pieces of C text: identifiers, literals, number tables, comments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir import Array

# C99, C11 and C++ keywords
_KEYWORDS = """
alignas alignof and asm auto bool break case catch char class const continue default delete do
double else enum explicit export extern false float for friend goto if inline int long mutable
namespace new not nullptr operator or private protected public register restrict return short
signed sizeof static struct switch template this throw true try typedef typename union unsigned
using virtual void volatile while xor main
"""
_RESERVED = frozenset(_KEYWORDS.split())
_LINE = 96
_LONGEST = 64  # characters of a model's name: symbols stay readable, file names short


def identifier(text: str) -> str:
    """`text` as a C identifier: other characters become "_", runs of them one."""
    clean = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    if not clean:
        return "model"
    return f"m_{clean}" if clean[0].isdigit() or _is_taken(clean) else clean


def _is_taken(name: str) -> bool:
    """True for keywords and for the prefix of the runtime's own files and symbols."""
    return name in _RESERVED or name.lower() == "eq" or name.lower().startswith("eq_")


def usable_name(text: str) -> str:
    """`text` as a model's name that `checked_name` takes."""
    return identifier(text)[:_LONGEST]


def model_name(path: PurePath) -> str:
    """The model's name where the user gave none: from the file name."""
    return usable_name(path.stem)


def checked_name(name: str) -> str:
    """`name` where it can prefix C symbols, else UsageError."""
    if (not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or _is_taken(name)
            or len(name) > _LONGEST):
        raise UsageError("--name", f"{name!r} cannot prefix C symbols",
                         f"at most {_LONGEST} letters, digits and _, a letter first, "
                         "no C keyword, not eq", f"use --name {usable_name(name)}")
    return name


def unique_identifiers(names: Iterable[str], reserved: Iterable[str] = ()) -> tuple[str, ...]:
    """One identifier for each name, none of `reserved`; later equal ones get _2, _3, ..."""
    taken = set(reserved)
    result: list[str] = []
    for name in names:
        base = candidate = identifier(name)
        number = 2
        while candidate in taken:
            candidate = f"{base}_{number}"
            number += 1
        taken.add(candidate)
        result.append(candidate)
    return tuple(result)


def comment(text: str) -> str:
    """`text` safe inside a C comment and inside Markdown: printable ASCII, no comment marks."""
    ascii_text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return ascii_text.replace("*/", "* /").replace("/*", "/ *").replace("??", "?")


def string_text(text: str) -> str:
    """`text` safe between the quotes of a C string, also one that printf reads."""
    return re.sub(r"[^A-Za-z0-9_ .:;/+()\[\]-]", "_", text)


def int_literal(value: int) -> str:
    """A constant expression of that value (INT32_MIN has no literal in C)."""
    if value == -(1 << 31):
        return "(-2147483647 - 1)"
    if value > (1 << 31) - 1:
        return f"{value}u"
    return str(value)


def float_literal(value: float) -> str:
    """A C float literal that reads back as the same float32."""
    text = f"{float(np.float32(value)):.9g}"
    return (text if any(c in text for c in ".en") else text + ".0") + "f"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape for comments, without the leading batch of 1: 49x10x1."""
    dims = shape[1:] if len(shape) > 1 else shape
    return "x".join(str(d) for d in dims) if dims else "1"


def table(data: Array) -> str:
    """Initializer lines of a number table: 16 bytes or 8 words a line, right-aligned columns."""
    flat = data.reshape(-1).tolist()
    per_line = 16 if data.dtype.itemsize == 1 else 8
    literal = float_literal if data.dtype.kind == "f" else int_literal
    texts = [literal(v) for v in flat]
    width = max((len(t) for t in texts), default=1)
    per_line = max(1, min(per_line, _LINE // (width + 2)))
    lines = []
    for start in range(0, len(texts), per_line):
        row = texts[start:start + per_line]
        lines.append("    " + ", ".join(t.rjust(width) for t in row) + ",")
    return "\n".join(lines)


def wrapped(pieces: Iterable[str]) -> tuple[str, ...]:
    """The pieces joined by blanks into lines."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= _LINE - 4:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return tuple(lines)
