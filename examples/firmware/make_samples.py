"""Writes samples.h: the first evaluation image of every digit, as C."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def main() -> None:
    data = np.load(HERE.parent / "digits" / "digits_eval.npz")
    first = [int(np.flatnonzero(data["y"] == digit)[0]) for digit in range(10)]
    title = "/* samples.h - one handwritten digit of each kind, ink 0..16; see make_samples.py. */"
    lines = [title, "#ifndef SAMPLES_H", "#define SAMPLES_H", "", "#include <stdint.h>", "",
             f"#define SAMPLES {len(first)}", "",
             f"static const uint8_t sample_digit[SAMPLES] = {{{', '.join(map(str, range(10)))}}};",
             "", "static const uint8_t sample_ink[SAMPLES][64] = {"]
    for i in first:
        rows = data["x"][i].reshape(8, 8)
        lines.append("    {")
        lines += ["        " + ", ".join(f"{v:2d}" for v in row) + "," for row in rows]
        lines.append("    },")
    lines += ["};", "", "#endif", ""]
    (HERE / "samples.h").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
