"""Whether the numbers of a call fit in the fields of its C struct, which would cut them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from edgeq.errors import UnsupportedError
from edgeq.plan import Call
from edgeq.resources import resource_dir

_COMMENT = re.compile(r"/\*.*?\*/", flags=re.DOTALL)
_STRUCT = re.compile(r"typedef struct \{([^}]*)\} (\w+);")
_MEMBERS = re.compile(r"(u?)int(8|16|32)_t ([\w\s,]+);")

Range = tuple[int, int]  # least and most


def check_fields(calls: Iterable[Call]) -> None:
    """Raises UnsupportedError for a number that the runtime's struct cannot hold.

    Structs of other libraries and of custom operators are not known, and not looked at.
    """
    known = _structs()
    for call in calls:
        ranges = known.get(call.struct, {})
        for name, value in call.fields:
            if isinstance(value, int) and name in ranges:
                low, high = ranges[name]
                if not low <= value <= high:
                    raise UnsupportedError(f"{call.name} ({call.op})", f"{name} = {value}",
                                           f"{low} to {high}", "make the layer smaller")


@lru_cache(maxsize=1)
def _structs() -> Mapping[str, Mapping[str, Range]]:
    """Of each parameters struct in the runtime's headers the ranges of its whole numbers."""
    found: dict[str, dict[str, Range]] = {}
    for path in sorted((resource_dir("runtime_c") / "include").glob("eq_*.h")):
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        for body, struct in _STRUCT.findall(text):
            found[struct] = {
                name.strip(): _range(unsigned == "u", int(bits))
                for unsigned, bits, names in _MEMBERS.findall(body) for name in names.split(",")}
    return found


def _range(unsigned: bool, bits: int) -> Range:
    return (0, (1 << bits) - 1) if unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
