"""``python -m uvloupe`` with real programs in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import uvloupe

SERVICE = """\
import asyncio, sys

async def handle(n):
    await asyncio.sleep(0.001)

async def main():
    await asyncio.gather(*(handle(n) for n in range(10)))
    print(type(asyncio.get_running_loop()).__module__, sys.argv[1:], __name__)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "service.py"
    path.write_text(SERVICE)
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_unmodified_script_runs_on_our_loop(run_python: Any, script: Path) -> None:
    done = run_python("-m", "uvloupe", "run", str(script), "--profile", "x", "-v")
    assert done.stdout == "uvloupe.loop ['--profile', 'x', '-v'] __main__\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unmodified_module_runs_on_our_loop(run_python: Any, script: Path) -> None:
    done = run_python("-m", "uvloupe", "run", "--slow", "1", "-m", "service", "-m", "x",
                      cwd=script.parent)  # fmt: skip
    assert done.stdout == "uvloupe.loop ['-m', 'x'] __main__\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_command(script: Path) -> None:
    command = Path(sys.executable).with_name("uvloupe")
    if not command.exists():
        pytest.skip("uvloupe is not installed as a command")
    done = subprocess.run([command, "run", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("uvloupe.loop")


PROBE = """\
import json, sys, __main__
print(json.dumps({
    "argv": sys.argv, "path0": sys.path[0], "file": __file__, "name": __name__,
    "main": __main__.__dict__ is globals(), "package": __package__,
}))
"""


@pytest.mark.parametrize("how", ["script", "module", "folder"])
def test_a_program_finds_itself_as_under_python(
    run_python: Any, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "probes"
    folder.mkdir()
    write(folder / "probe.py", PROBE)
    write(folder / "__main__.py", PROBE)
    write(folder / "__init__.py", "")
    program = {
        "script": (os.path.join("probes", "probe.py"),),
        "module": ("-m", "probes.probe"),
        "folder": ("probes",),
    }[how]
    plain = run_python(*program, "a", "b", cwd=tmp_path)
    ours = run_python("-m", "uvloupe", "run", *program, "a", "b", cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    assert ours.returncode == 0, ours.stderr
    seen, expected = json.loads(ours.stdout), json.loads(plain.stdout)
    if how == "folder":
        seen["argv"][0] = os.path.relpath(seen["argv"][0], tmp_path)  # runpy gives one path
    assert seen == expected


def test_worker_processes_find_the_script(run_python: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio, concurrent.futures, multiprocessing\n"
        "def double(n): return 2 * n\n"
        "async def main():\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:\n"
        "        print(await asyncio.get_running_loop().run_in_executor(pool, double, 21))\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n",
    )
    done = run_python("-m", "uvloupe", "run", str(path))
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit", 0),
        ("import sys; sys.exit('went wrong')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(9)", 9),
        (
            "import asyncio, sys\n"
            "async def main(): sys.exit(5)\n"
            "asyncio.run(main())",
            5,
        ),
    ],
)
def test_the_exit_status_is_the_programs(
    run_python: Any, tmp_path: Path, code: str, status: int
) -> None:
    path = write(tmp_path / "x.py", code)
    assert run_python("-m", "uvloupe", "run", str(path)).returncode == status


def test_what_a_program_raises_is_shown(run_python: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "x.py", "import asyncio\nasync def main(): 1 / 0\nasyncio.run(main())")
    done = run_python("-m", "uvloupe", "run", str(path))
    assert done.stderr.strip().endswith("ZeroDivisionError: division by zero")
    assert f'File "{path}", line 2, in main' in done.stderr


# ---- the profile ------------------------------------------------------------------------


def test_the_profile_is_written_at_exit(run_python: Any, script: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    done = run_python("-m", "uvloupe", "run", "--profile", str(file), str(script))
    assert done.stderr == f"uvloupe: profile written to {file}\n"
    profile = uvloupe.Profile.load(file)
    (row,) = [row for row in profile.coroutines if row.name == "handle"]
    assert row.calls == 10
    assert profile.meta["argv"] == [str(script)]


def test_the_profile_is_written_when_the_program_raises(
    run_python: Any, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.py", "import asyncio\nasync def main(): 1 / 0\nasyncio.run(main())")
    done = run_python("-m", "uvloupe", "run", "--profile", str(tmp_path / "p.json"), str(path))
    assert done.returncode == 1
    (row,) = [r for r in uvloupe.Profile.load(tmp_path / "p.json").tasks if r.coro == "main"]
    assert (row.outcome, row.error) == ("exception", "ZeroDivisionError")


def test_the_profile_is_written_when_the_program_is_interrupted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio\n"
        "async def main():\n    print('ready', flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "uvloupe", "run", "--profile", str(tmp_path / "p.json"), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt") or "profile written" in err
    profile = uvloupe.Profile.load(tmp_path / "p.json")
    assert [task.outcome for task in profile.tasks if task.coro == "main"] == ["cancelled"]


def test_each_loop_has_a_file(run_python: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio\n"
        "async def first(): pass\n"
        "async def second(): pass\n"
        "asyncio.new_event_loop().close()\n"  # never ran: no file
        "asyncio.run(first())\nasyncio.run(second())\n",
    )
    done = run_python("-m", "uvloupe", "run", "--profile", "p.json", str(path), cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(p.name for p in tmp_path.glob("*.json")) == ["p-2.json", "p.json"]
    assert "first" in [r.name for r in uvloupe.Profile.load(tmp_path / "p.json").coroutines]
    assert "second" in [r.name for r in uvloupe.Profile.load(tmp_path / "p-2.json").coroutines]


def test_very_many_loops_are_bounded(run_python: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio\nasync def main(): pass\nfor _ in range(25): asyncio.run(main())\n",
    )
    done = run_python("-m", "uvloupe", "run", "--profile", "p.json", str(path), cwd=tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 20
    assert "5 more loops ran" in done.stderr


def test_a_profile_that_cannot_be_written_is_said(run_python: Any, script: Path) -> None:
    done = run_python("-m", "uvloupe", "run", "--profile", "/no/such/p.json", str(script))
    assert done.returncode == 0
    assert "cannot write the profile /no/such/p.json: No such file or directory" in done.stderr


def test_no_loop_no_profile(run_python: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "x.py", "print('hello')")
    done = run_python("-m", "uvloupe", "run", "--profile", "p.json", str(path), cwd=tmp_path)
    assert "no profile written" in done.stderr
    assert list(tmp_path.glob("*.json")) == []


# ---- the other options --------------------------------------------------------------------


def test_options_beat_the_environment(run_python: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio\n"
        "async def main():\n"
        "    m = asyncio.get_running_loop().monitor\n"
        "    print(m.slow_threshold, m.level, m._consoles)\n"
        "asyncio.run(main())",
    )
    done = run_python(
        "-m", "uvloupe", "run", "--slow", "0.5", "--console", "127.0.0.1:0", str(path),
        env={"UVLOUPE_SLOW": "3", "UVLOUPE_MONITOR": "off", "UVLOUPE_CONSOLE": "/no/such/x"},
    )  # fmt: skip
    assert done.stdout.startswith("0.5 off [<Console 127.0.0.1:"), done.stderr


def test_slow_steps_are_told_on_stderr(run_python: Any, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio, time\n"
        "async def guilty():\n    time.sleep(0.05)\n    await asyncio.sleep(0)\n"
        "asyncio.run(guilty())",
    )
    done = run_python("-m", "uvloupe", "run", "--slow", "0.02", str(path))
    assert "guilty" in done.stderr and "x.py:4" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("run",), "name a script"),
        (("run", "-m"), "-m needs"),
        (("run", "--slow", "0", "x.py"), "positive"),
        (("run", "--slow", "soon", "x.py"), "not a positive number"),
        (("run", "--sloow", "1", "x.py"), "unrecognized"),
        (("run", "nothing.py"), "can't open file 'nothing.py'"),
        (("walk",), "invalid choice"),
        ((), "required"),
    ],
)
def test_wrong_usage_says_why(run_python: Any, arguments: tuple[str, ...], reason: str) -> None:
    done = run_python("-m", "uvloupe", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_module_is_said_as_python_says_it(run_python: Any) -> None:
    done = run_python("-m", "uvloupe", "run", "-m", "no_such_module")
    assert done.returncode == 1
    assert "No module named no_such_module" in done.stderr


def test_report_prints_the_summary(run_python: Any, script: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    run_python("-m", "uvloupe", "run", "--profile", str(file), str(script))
    done = run_python("-m", "uvloupe", "report", str(file))
    assert done.returncode == 0
    assert done.stdout == uvloupe.Profile.load(file).summary()
    short = run_python("-m", "uvloupe", "report", "--limit", "1", str(file))
    assert "more coroutines" in short.stdout


def test_report_says_what_is_wrong(run_python: Any, script: Path) -> None:
    done = run_python("-m", "uvloupe", "report", str(script))
    assert (done.returncode, done.stdout) == (1, "")
    assert "not a uvloupe profile" in done.stderr
    done = run_python("-m", "uvloupe", "report", "/no/such/file")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_version(run_python: Any) -> None:
    done = run_python("-m", "uvloupe", "--version")
    assert done.stdout == f"uvloupe {uvloupe.__version__}\n"


def test_a_loop_in_a_thread_that_outlives_main_is_profiled(
    run_python: Any, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "x.py",
        "import asyncio, threading\n"
        "async def later(): await asyncio.sleep(0.1)\n"
        "threading.Thread(target=lambda: asyncio.run(later())).start()\n",
    )
    started = time.monotonic()
    run_python("-m", "uvloupe", "run", "--profile", "p.json", str(path), cwd=tmp_path)
    assert time.monotonic() - started > 0.1
    profile = uvloupe.Profile.load(tmp_path / "p.json")
    assert [t.outcome for t in profile.tasks if t.coro == "later"] == ["result"]


def test_a_profile_overwrites_no_stranger(run_python: Any, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    text = "import asyncio; asyncio.run(asyncio.sleep(0)); print('ran')"
    script.write_text(text)
    done = run_python("-m", "uvloupe", "run", "--profile", str(script), str(script))
    assert done.returncode == 2 and "is no profile" in done.stderr
    assert script.read_text() == text
    profile = tmp_path / "profile.json"
    for _ in range(2):  # an older profile may be overwritten
        done = run_python("-m", "uvloupe", "run", "--profile", str(profile), str(script))
        assert done.returncode == 0 and "ran" in done.stdout


def test_bad_options_say_what_is_wrong(run_python: Any) -> None:
    done = run_python("-m", "uvloupe", "report", "--limit", "-1", "x.json")
    assert done.returncode == 2 and "'-1' is no number of rows" in done.stderr
    done = run_python("-m", "uvloupe", "run", "--slow", "abc", "x.py")
    assert done.returncode == 2 and "'abc'" in done.stderr and "_seconds" not in done.stderr
