"""Profiles: taken, saved, loaded, and summed up as text."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import uvloupe
from uvloupe.profile import ProfileError
from uvloupe.table import count, seconds, table


async def busy() -> None:
    time.sleep(0.03)  # noqa: ASYNC251
    await asyncio.sleep(0.001)


async def idle() -> None:
    await asyncio.sleep(0.02)


@pytest.fixture
def profile(loop: uvloupe.Loop) -> uvloupe.Profile:
    async def main() -> None:
        await asyncio.gather(busy(), idle(), idle())

    loop.monitor.slow_threshold = 0.02
    loop.run_until_complete(main())
    return loop.monitor.profile()


def test_it_holds_everything(profile: uvloupe.Profile) -> None:
    names = [row.name for row in profile.coroutines]
    assert names[0] == "busy" and "idle" in names
    assert {task.coro for task in profile.tasks} >= {"busy", "idle"}
    assert profile.callbacks[0].kind == "callback"
    assert profile.slow_steps[0].callback == "busy"
    assert profile.stats.tasks_done == 4
    assert profile.histograms["loop_lag"].max > 0.02
    assert profile.meta["pid"] == os.getpid()
    assert profile.meta["uvloupe"] == uvloupe.__version__
    assert abs(profile.meta["created"] - time.time()) < 60


def test_live_tasks_are_in_it(loop: uvloupe.Loop) -> None:
    async def main() -> uvloupe.Profile:
        task = asyncio.create_task(idle(), name="alive")
        await asyncio.sleep(0)
        profile = loop.monitor.profile()
        await task
        return profile

    profile = loop.run_until_complete(main())
    assert [t.state for t in profile.tasks if t.name == "alive"] == ["awaiting"]
    assert profile.stats.current is not None


def test_what_was_saved_is_what_is_loaded(profile: uvloupe.Profile, tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    profile.save(path)
    assert uvloupe.Profile.load(path) == profile
    assert uvloupe.Profile.load(str(path)).summary() == profile.summary()
    assert os.listdir(tmp_path) == ["shop.json"]


def test_the_file_is_a_versioned_json_object(profile: uvloupe.Profile, tmp_path: Path) -> None:
    profile.save(tmp_path / "p.json")
    document = json.loads((tmp_path / "p.json").read_text())
    assert document["format"] == "uvloupe-profile"
    assert document["version"] == 1
    assert set(document) == {
        "format", "version", "meta", "stats", "tasks", "coroutines", "callbacks", "slow_steps",
    }  # fmt: skip
    assert document["coroutines"][0]["name"] == "busy"


def test_keys_of_a_later_version_are_ignored(profile: uvloupe.Profile, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    profile.save(path)
    document = json.loads(path.read_text())
    document["await_sites"] = []
    document["tasks"][0]["awaiting"] = "shop.py:12"
    path.write_text(json.dumps(document))
    assert uvloupe.Profile.load(path) == profile


def test_saving_replaces_the_file_at_once(profile: uvloupe.Profile, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("old")
    profile.save(path)
    assert uvloupe.Profile.load(path) == profile
    with pytest.raises(OSError):
        profile.save(tmp_path / "no" / "such" / "folder.json")
    assert os.listdir(tmp_path) == ["p.json"]


def test_a_failed_save_leaves_the_old_file(profile: uvloupe.Profile, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.mkdir()
    with pytest.raises(OSError):
        profile.save(path)
    assert os.listdir(tmp_path) == ["p.json"]


def damaged(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "stats": {}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a uvloupe profile"),
        ("\x00\xff", "not a uvloupe profile"),
        ("[]", "not a uvloupe profile"),
        ('{"format": "other"}', "not a uvloupe profile"),
        ('{"format": "uvloupe-profile", "version": 99}', "use the uvloupe that wrote it"),
        ('{"format": "uvloupe-profile", "version": 1}', "damaged"),
        ('{"format": "uvloupe-profile", "version": 1, "stats": 7}', "damaged"),
    ],
)
def test_other_files_are_refused_with_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ProfileError, match=f"p.json: .*{reason}"):
        uvloupe.Profile.load(path)


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        uvloupe.Profile.load(tmp_path / "p.json")


def test_the_summary_is_a_table_of_coroutines(profile: uvloupe.Profile) -> None:
    lines = profile.summary().splitlines()
    (title,) = [line for line in lines if line.startswith("coroutine ")]
    assert title.split() == [
        "coroutine", "calls", "steps", "running", "ready", "awaiting", "longest", "where",
    ]  # fmt: skip
    row = lines[lines.index(title) + 1].split()
    assert row[:3] == ["busy", "1", "2"]
    assert row[3].endswith("ms")
    assert row[7] == f"test_profile.py:{busy.__code__.co_firstlineno}"
    assert any(line.startswith("slow step") for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_the_summary_can_be_short(profile: uvloupe.Profile) -> None:
    text = profile.summary(limit=1)
    assert "busy" in text
    assert f"... and {len(profile.coroutines) - 1} more coroutines" in text


def test_an_empty_profile_has_a_summary(loop: uvloupe.Loop) -> None:
    assert "coroutine" in loop.monitor.profile().summary()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1e-9, "0"),
        (8.5e-7, "850ns"),
        (1.23e-5, "12.3us"),
        (0.00456, "4.56ms"),
        (0.09996, "100ms"),
        (0.99951, "1.00s"),
        (9.996, "10.0s"),
        (310.2, "310s"),
    ],
)
def test_durations_have_three_figures(value: float, text: str) -> None:
    assert seconds(value) == text


def test_tables_are_aligned() -> None:
    assert count(1234567) == "1,234,567"
    text = table(("name", "n"), [("a", "1"), ("long name", "100")])
    assert text == "name         n\na            1\nlong name  100"
