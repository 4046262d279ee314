"""Folders for other build systems: the files they look for, and sources that build as there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from small_graphs import chain

from edgeq.board import HOST, Target, load_board
from edgeq.cli import main
from edgeq.emit import EmitOptions, emit
from edgeq.errors import UsageError
from edgeq.folder import write
from edgeq.formats import Format
from edgeq.lower import lower


def folder_of(how: Format, folder: Path) -> Path:
    """The small chain for this machine in the layout `how`."""
    write(emit(lower(chain(), Target(HOST), "net"), EmitOptions(format=how)), folder)
    return folder


def built_by_cmake(project: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    for args in (["-S", str(project), "-B", str(project / "build")],
                 ["--build", str(project / "build")]):
        done = subprocess.run(["cmake", *args], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


MAIN = '#include "net.h"\nint main(void) { net_t m; return net_init(&m, 0, 0) == EQ_OK; }\n'


def test_zephyr(tmp_path: Path) -> None:
    """The module's CMake file with stand-ins for Zephyr's functions: it builds and links."""
    net = folder_of(Format.ZEPHYR, tmp_path / "net")
    module = yaml.safe_load((net / "zephyr/module.yml").read_text())
    assert (net / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    symbol = re.match(r"config (\w+)", (net / module["build"]["kconfig"]).read_text())
    assert symbol is not None
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.c").write_text(MAIN)
    (app / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.13)
project(app C)
macro(zephyr_library_named name)
  set(LIBRARY ${{name}})
  add_library(${{name}} STATIC)
endmacro()
function(zephyr_library_sources)
  target_sources(${{LIBRARY}} PRIVATE ${{ARGN}})
endfunction()
function(zephyr_library_include_directories)
  target_include_directories(${{LIBRARY}} PRIVATE ${{ARGN}})
endfunction()
function(zephyr_include_directories)
  include_directories(${{ARGN}})
  target_include_directories(${{LIBRARY}} PUBLIC ${{ARGN}})
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(${{LIBRARY}} PRIVATE ${{ARGN}})
endfunction()
set(CONFIG_{symbol[1]} y)
add_subdirectory({net}/zephyr net)
add_executable(app main.c)
target_link_libraries(app edgeq_net)
""")
    built_by_cmake(app)


def test_esp_idf(tmp_path: Path) -> None:
    net = folder_of(Format.ESP_IDF, tmp_path / "net")
    assert yaml.safe_load((net / "idf_component.yml").read_text())["version"]
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.c").write_text(MAIN)
    (app / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.13)
project(app C)
function(idf_component_register)
  cmake_parse_arguments(C "" "" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS" ${{ARGN}})
  add_library(net STATIC ${{C_SRCS}})
  target_include_directories(net PUBLIC ${{C_INCLUDE_DIRS}} PRIVATE ${{C_PRIV_INCLUDE_DIRS}})
  set(COMPONENT_LIB net PARENT_SCOPE)
endfunction()
add_subdirectory({net} component)
add_executable(app main.c)
target_link_libraries(app net)
""")
    built_by_cmake(app)


def test_arduino(tmp_path: Path) -> None:
    """Arduino compiles every source below src/ with no other include folder than src/."""
    net = folder_of(Format.ARDUINO, tmp_path / "net")
    lines = (net / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert {"name", "version", "sentence", "category", "architectures"} <= fields.keys()
    assert (net / "src" / fields["includes"]).is_file()
    for source in (net / "src").glob("*.c"):
        done = subprocess.run(["cc", "-std=c99", "-fsyntax-only", f"-I{net / 'src'}", str(source)],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    sketch = (net / "examples/net/net.ino").read_text()
    stand_ins = ("#include <stdint.h>\n"
                 "struct { void begin(long) {} void println(int) {} } Serial;\n"
                 "void delay(int) {}\n")
    program = tmp_path / "sketch.cpp"
    program.write_text(stand_ins + sketch)
    done = subprocess.run(["g++", "-fsyntax-only", f"-I{net / 'src'}", str(program)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_cmsis_pack(tmp_path: Path) -> None:
    net = folder_of(Format.CMSIS_PACK, tmp_path / "net")
    tree = ET.parse(net / "Edgeq.net.pdsc").getroot()
    named = [f.attrib["name"] for f in tree.iter("file")]
    sources = {str(p.relative_to(net)) for p in (net / "src").glob("*.c")}
    assert sources == {n for n in named if n.endswith(".c")}
    assert all((net / n).exists() for n in named)
    layer = yaml.safe_load((net / "net.clayer.yml").read_text())["layer"]
    files = {entry["file"] for group in layer["groups"] for entry in group["files"]}
    assert files == sources


def test_boards_that_a_format_does_not_take() -> None:
    plan = lower(chain(), Target(load_board("cortex-m4")), "net")
    with pytest.raises(UsageError, match="every ESP32 takes"):
        emit(plan, EmitOptions(format=Format.ESP_IDF))


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "digits"
    with pytest.raises(SystemExit) as end:
        main(["build", "--board", "cortex-m4", "--recipe", "fast", "--format", "zephyr",
              "-o", str(out)])
    assert end.value.code == 0
    assert (out / "zephyr" / "module.yml").is_file()
    with pytest.raises(SystemExit) as end:
        main(["eval", str(out), "--data", str(
            Path(__file__).parents[2] / "examples/digits/digits_eval.npz")])
    assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        main(["build", "--board", "cortex-m4", "--format", "esp-idf", "-o", str(out) + "2"])
    assert end.value.code == 2
    assert "build with --board host" in capsys.readouterr().err
    assert not os.path.exists(str(out) + "2")
