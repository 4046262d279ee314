"""What kind of work each instruction of an image is, from objdump's text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from edgeq.board import Board
from edgeq.target.toolchain import execute, find_tool


class Kind(Enum):
    """Instructions that a cost model tells apart."""

    ALU = "alu"
    MUL = "mul"  # 32-bit product, also the DSP extension's dual multiplications
    MLA = "mla"  # 32-bit product and sum
    LONG_MUL = "long_mul"  # 64-bit product
    DIV = "div"
    LOAD = "load"
    STORE = "store"
    MULTI = "multi"  # LDM, STM, PUSH, POP: `units` registers
    BRANCH = "branch"
    CALL = "call"  # BL, BX, BLX, RET, POP to PC
    LOOP_END = "loop_end"  # LE, LETP
    VECTOR = "vector"  # arithmetic, moves
    VECTOR_MUL = "vector_mul"
    VECTOR_LOAD = "vector_load"
    VECTOR_STORE = "vector_store"
    GATHER = "gather"  # gather load or scatter store: `units` elements
    FLOAT = "float"


@dataclass(frozen=True)
class Instruction:
    """One instruction of an image."""

    address: int
    after: int  # address of the next instruction in memory
    function: str
    kind: Kind
    units: int  # registers of MULTI, elements of GATHER, else 1
    conditional: bool  # a branch that may fall through
    uses_load: bool  # the instruction before it in memory loads a register that this one names
    text: str
    entry: int = 0  # address of its function


# without a mnemonic: an instruction that objdump does not know, counted as ALU
_LINE = re.compile(r"^\s*([0-9a-f]+):\t(\S*)(?:\t(.*))?$")
_LABEL = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
_CONDITIONS = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_BRANCH = re.compile(rf"^(b|b\.?({_CONDITIONS})|cbn?z|tbn?z|tb[bh]|wlst?p?|dlst?p?|br)$")
_CALL = re.compile(rf"^(bl|bx|blx|blr|ret)({_CONDITIONS})?$")
_VECTOR_MUL = re.compile(r"(mul|mla|mls|dot|mmla|mull|mlal|dmlad|mlad)")
_A64_VECTOR = re.compile(r"\bv\d+\.|\bq\d+\b")
_Q_REGISTER = re.compile(r"\b[qd]\d+\b")
_GATHER = re.compile(r"\[[^\]]*\bq\d+")


def unknown(address: int) -> Instruction:
    """What stands for an instruction that ran but is not in the disassembly."""
    return Instruction(address, address + 4, "?", Kind.ALU, 1, False, False, "?")


def disassemble(board: Board, elf: Path) -> dict[int, Instruction]:
    """Every instruction of `elf` by its address."""
    tool = f"{board.compiler.removesuffix('gcc')}objdump"
    # binutils 2.40 does not see in the file that the coprocessor space holds MVE
    helium = any("cortex-m55" in flag or "+mve" in flag for flag in board.cflags)
    machine = ("-m", "armv8.1-m.main") if helium else ()
    text = execute([find_tool(tool), *machine, "-d", "--no-show-raw-insn", str(elf)],
                   f"reading {elf.name}")
    lines: list[tuple[int, str, int, str, str]] = []
    function, entry = "", 0
    for line in text.splitlines():
        if label := _LABEL.match(line):
            entry, function = int(label[1], 16), label[2]
        elif match := _LINE.match(line):
            operands = re.split(r"\s*[@;]|\s//|\s<", match[3] or "")[0]
            lines.append((int(match[1], 16), function, entry, match[2], operands))
    arm64 = "aarch64" in board.compiler
    found: dict[int, Instruction] = {}
    loaded = ""  # destinations of the load just before
    for i, (address, name, start, mnemonic, operands) in enumerate(lines):
        after = lines[i + 1][0] if i + 1 < len(lines) else address + 4
        word = re.sub(r"\.[nw]$", "", mnemonic)
        kind = _kind64(word, operands) if arm64 else _kind32(word, operands)
        uses = any(re.search(rf"\b{r}\b", operands) for r in loaded.split())
        found[address] = Instruction(
            address, after, name, kind, _units(kind, word, operands),
            kind is Kind.BRANCH and word not in ("b", "br"), uses, f"{mnemonic} {operands}", start)
        loaded = _destinations(word, operands) if kind is Kind.LOAD else ""
    return found


def _destinations(word: str, operands: str) -> str:
    """Registers that a load writes."""
    names = operands.split("[")[0].replace(",", " ").split()
    return " ".join(names[:2 if word.startswith(("ldp", "ldrd")) else 1])


def _units(kind: Kind, word: str, operands: str) -> int:
    if kind is Kind.MULTI:
        count = 0
        for part in re.findall(r"\{([^}]*)\}", operands):
            for item in part.split(","):
                ends = re.findall(r"\d+", item)
                count += int(ends[1]) - int(ends[0]) + 1 if "-" in item and len(ends) == 2 else 1
        return max(count, 1)
    if kind is Kind.GATHER:
        bits = re.search(r"\.[us]?(\d+)", word)
        return 128 // int(bits[1]) if bits else 4
    return 1


def _kind32(word: str, operands: str) -> Kind:
    """Thumb, A32, MVE and NEON of ARMv7-A."""
    if word in ("le", "letp"):
        return Kind.LOOP_END
    if _BRANCH.match(word):
        return Kind.BRANCH
    if _CALL.match(word) or (word.startswith(("pop", "ldm")) and "pc" in operands):
        return Kind.CALL
    if word.startswith("v") and word != "vmrs":
        return _vector32(word, operands)
    if word.startswith(("ldm", "stm", "push", "pop")):
        return Kind.MULTI
    if word.startswith("ld"):
        return Kind.LOAD
    if word.startswith("st"):
        return Kind.STORE
    if word.startswith(("smull", "umull", "smlal", "umlal", "umaal")):
        return Kind.LONG_MUL
    if word.startswith(("sdiv", "udiv")):
        return Kind.DIV
    if word.startswith(("mla", "mls", "smla", "smml", "smls")):
        return Kind.MLA
    if word.startswith(("mul", "smul", "smuad", "smusd", "smmul")):
        return Kind.MUL
    return Kind.ALU


def _vector32(word: str, operands: str) -> Kind:
    if word.startswith(("vpush", "vpop", "vldm", "vstm")):
        return Kind.MULTI
    if word.startswith(("vld", "vst")):
        if _GATHER.search(operands):
            return Kind.GATHER
        return Kind.VECTOR_LOAD if word.startswith("vld") else Kind.VECTOR_STORE
    if re.search(r"\.f(16|32|64)", word) and not _Q_REGISTER.search(operands):
        return Kind.FLOAT
    return Kind.VECTOR_MUL if _VECTOR_MUL.search(word) else Kind.VECTOR


def _kind64(word: str, operands: str) -> Kind:
    if _BRANCH.match(word):
        return Kind.BRANCH
    if _CALL.match(word):
        return Kind.CALL
    vector = bool(_A64_VECTOR.search(operands))
    if word.startswith("ld"):
        return Kind.VECTOR_LOAD if vector else Kind.LOAD
    if word.startswith("st"):
        return Kind.VECTOR_STORE if vector else Kind.STORE
    if vector:
        return Kind.VECTOR_MUL if _VECTOR_MUL.search(word) else Kind.VECTOR
    if word in ("smulh", "umulh"):
        return Kind.LONG_MUL
    if word in ("smull", "umull", "mul", "mneg", "smnegl", "umnegl"):
        return Kind.MUL
    if word in ("madd", "msub", "smaddl", "umaddl", "smsubl", "umsubl"):
        return Kind.MLA
    if word in ("sdiv", "udiv"):
        return Kind.DIV
    if re.match(r"f(add|sub|mul|div|cvt|mov|cmp|abs|neg|madd|msub)", word):
        return Kind.FLOAT
    return Kind.ALU
