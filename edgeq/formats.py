"""What else a build writes so that a build system takes the folder as it is (`--format`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from edgeq.board import Target
from edgeq.errors import UsageError


class Format(Enum):
    """The build system that the folder is for; every folder builds with make and CMake too."""

    C = "c"
    CMAKE = "cmake"
    ZEPHYR = "zephyr"
    ARDUINO = "arduino"
    CMSIS_PACK = "cmsis-pack"
    ESP_IDF = "esp-idf"

    @property
    def templates(self) -> Mapping[str, str]:
        """Path in the folder (with {name}) -> template."""
        return _TEMPLATES.get(self, {})


_TEMPLATES: Mapping[Format, Mapping[str, str]] = {
    Format.ZEPHYR: {"zephyr/module.yml": "formats/zephyr_module.yml.j2",
                    "zephyr/CMakeLists.txt": "formats/zephyr_CMakeLists.txt.j2",
                    "zephyr/Kconfig": "formats/zephyr_Kconfig.j2"},
    Format.ARDUINO: {"library.properties": "formats/library.properties.j2",
                     "examples/{name}/{name}.ino": "formats/example.ino.j2"},
    Format.CMSIS_PACK: {"Edgeq.{name}.pdsc": "formats/pack.pdsc.j2",
                        "{name}.clayer.yml": "formats/layer.clayer.yml.j2"},
    Format.ESP_IDF: {"CMakeLists.txt": "formats/idf_CMakeLists.txt.j2",
                     "idf_component.yml": "formats/idf_component.yml.j2"},
}


def check_format(target: Target, chosen: Format) -> None:
    """Raise UsageError where the kernels for `target` do not go with the build system."""
    if chosen is Format.ESP_IDF and set(target.isa) != {"c"}:
        raise UsageError("--format esp-idf", f"kernels for {target.board.name}",
                         "portable C, which every ESP32 takes", "build with --board host")
    if target.cmsis_nn is not None and chosen not in (Format.C, Format.CMAKE):
        raise UsageError(f"--format {chosen.value}", "kernels of CMSIS-NN", "c, cmake",
                         "leave out --kernels cmsis-nn")


def with_headers_beside(files: Mapping[str, str]) -> dict[str, str]:
    """`files` with the headers of include/ in src/ too, the one folder that Arduino searches."""
    headers = {f"src/{path.removeprefix('include/')}": text
               for path, text in files.items() if path.startswith("include/")}
    return {**files, **headers}
