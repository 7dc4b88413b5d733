"""Includes run one way: python -> loop -> monitor <- console.  This reads the #include lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
VERSION_TEST = re.compile(r"\b(PY_VERSION_HEX|UV_VERSION_HEX|UV_VERSION_M\w+)\b")


def sources(folder: str, deep: bool = False) -> list[Path]:
    pattern = "**/*.[ch]" if deep else "*.[ch]"
    found = sorted((ROOT / folder).glob(pattern))
    assert found, f"no C files in {folder}"
    return found


def includes(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text())


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources("monitor"), ids=ids)
def test_the_monitor_stands_alone(path: Path) -> None:
    for name in includes(path):
        assert not name.startswith(("loop/", "monitor/console/")), name
        assert name not in ("Python.h", "structmember.h", "uv.h", "libtelnet.h"), name
        if "/" in name:
            assert name.startswith(("monitor/", "sys/")), name


@pytest.mark.parametrize("path", sources("monitor/console"), ids=ids)
def test_the_console_sees_the_view_alone(path: Path) -> None:
    for name in includes(path):
        assert name not in ("Python.h", "structmember.h", "uv.h"), name
        assert not name.startswith("loop/"), name
        if name.startswith("monitor/") and not name.startswith("monitor/console/"):
            assert name == "monitor/view.h", name


@pytest.mark.parametrize("path", sources("loop"), ids=ids)
def test_the_loop_sees_the_console_only_to_start_it(path: Path) -> None:
    for name in includes(path):
        assert name != "libtelnet.h"
        if name.startswith("monitor/console/"):
            assert name == "monitor/console/console.h"
            assert path.name == "console_object.c"


@pytest.mark.parametrize(
    "path", sources("loop") + sources("monitor", deep=True), ids=ids
)
def test_versions_are_told_apart_in_one_place(path: Path) -> None:
    if path.parent.name == "loop" and re.fullmatch(r"compat\.h|frames_\w+\.h", path.name):
        return
    assert not VERSION_TEST.search(path.read_text())


@pytest.mark.parametrize("path", sources("loop") + sources("monitor", deep=True), ids=ids)
def test_a_file_begins_with_a_word_about_itself(path: Path) -> None:
    assert path.read_text().startswith("/* ")
