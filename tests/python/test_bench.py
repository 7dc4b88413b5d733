"""The benchmark's arithmetic, table, JSON and manners; nothing here depends on how fast it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import cli, instructions, native, report, runner
from bench.catalogue import CATALOGUE, CPU, GOALS, QUICK, TRIPS, faster, monitor_costs
from bench.echo import ECHOES
from bench.runner import Failure, Outcome
from bench.samples import Paired, Sample, abba, pair
from bench.worker import WORKLOADS

HAS_HELPERS = sys.platform == "linux" and shutil.which(os.environ.get("CC", "cc").split()[0])


def sample(variant: str, number: int, ns: int, workload: str = "call_soon_chain") -> Sample:
    """A run of 100 operations of `ns` nanoseconds each."""
    return Sample(workload, variant, 100, 100 * ns, 100 * ns, {}, number)


def rounds(**by_variant: list[tuple[int, int]]) -> list[Sample]:
    """Made-up samples: for each variant the two runs of each round, ns an operation."""
    return [
        sample(variant.replace("_", "-"), number, ns)
        for variant, runs in by_variant.items()
        for number, two in enumerate(runs, 1)
        for ns in two
    ]


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command from the root, for as short a time as it can."""
    return subprocess.run(
        [sys.executable, "-m", "bench", "--target", "0.002", "--rounds", "1", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# Pairing


def test_a_round_goes_there_and_back() -> None:
    assert abba(["a", "b", "c"]) == ["a", "b", "c", "c", "b", "a"]


def test_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The machine slows down tenfold in round 2: the ratio of medians over all runs would be wrong.
    samples = rounds(
        uvloupe=[(100, 100), (1000, 1000), (90, 110)], uvloop=[(200, 200), (3000, 3000), (390, 410)]
    )
    paired = pair(samples, CPU, "uvloupe", "uvloop")
    assert paired is not None
    assert paired.ratios == [2.0, 3.0, 4.0]
    assert (paired.median, paired.low, paired.high) == (3.0, 2.0, 4.0)


def test_a_sides_two_runs_are_averaged_before_the_ratio() -> None:
    paired = pair(rounds(uvloupe=[(100, 300)], uvloop=[(500, 300)]), CPU, "uvloupe", "uvloop")
    assert paired is not None and paired.ratios == [2.0]


def test_where_more_is_better_the_ratio_turns_over() -> None:
    paired = pair(rounds(uvloupe=[(100, 100)], uvloop=[(200, 200)]), TRIPS, "uvloupe", "uvloop")
    assert paired is not None and paired.ratios == [2.0]


def test_only_rounds_in_which_both_ran_make_a_ratio() -> None:
    samples = rounds(uvloupe=[(100, 100), (100, 100)], uvloop=[(200, 200)])
    paired = pair(samples, CPU, "uvloupe", "uvloop")
    assert paired is not None and paired.ratios == [2.0]
    assert pair(samples, CPU, "uvloupe", "asyncio") is None


# Goals


def test_a_speed_goal_is_met_at_its_ratio_and_missed_below() -> None:
    goal = faster("call_soon_chain", 3.0)
    assert goal.met(Paired("uvloupe", "uvloop", [2.0, 3.0, 9.0]))
    assert not goal.met(Paired("uvloupe", "uvloop", [2.0, 2.99, 9.0]))


def test_a_monitor_goal_allows_on_over_off_up_to_its_cost() -> None:
    goal = monitor_costs("call_soon_batch", 0.08)
    assert goal.met(Paired("uvloupe", "uvloupe-off", [100 / 107.9]))
    assert not goal.met(Paired("uvloupe", "uvloupe-off", [100 / 108.1]))


def test_every_goal_is_about_a_workload_there_is() -> None:
    assert {goal.workload for goal in GOALS} <= CATALOGUE.keys()
    assert set(QUICK) <= CATALOGUE.keys() == set(WORKLOADS)


# The table


def one_table(outcome: Outcome, missing: tuple[str, ...] = ()) -> str:
    return report.table(report.make_rows([CATALOGUE["call_soon_chain"]], outcome), missing)


def test_table_has_medians_ratios_the_monitors_cost_and_goals() -> None:
    samples = rounds(
        asyncio=[(1000, 1000)], uvloop=[(500, 500)], uvloupe=[(125, 125)], uvloupe_off=[(100, 100)]
    )
    heading, _, row = one_table(Outcome(samples)).splitlines()
    assert heading.split()[:6] == [
        "workload",
        "unit",
        "asyncio",
        "uvloop",
        "uvloupe",
        "uvloupe-off",
    ]
    assert "call_soon_chain" in row and "1,000" in row
    assert "4.00x (4.00..4.00)" in row and "8.00x (8.00..8.00)" in row
    assert "+25.0% (+25.0..+25.0)" in row
    assert row.endswith("met (>= 3x uvloop)") and "MISSED" not in row


def test_table_says_when_a_goal_is_missed() -> None:
    outcome = Outcome(rounds(uvloop=[(200, 200)], uvloupe=[(100, 100)]))
    assert "MISSED (>= 3x uvloop)" in one_table(outcome)


def test_table_names_what_is_not_installed_and_what_crashed() -> None:
    outcome = Outcome(rounds(asyncio=[(9, 9)]), [Failure("call_soon_chain", "uvloop", "status 1")])
    text = one_table(outcome, ("uvloupe",))
    assert "NOT INSTALLED" in text and "CRASHED" in text and "not measured (>= 3x" in text


# The command


def test_a_minimal_run_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "result.json"
    done = bench(
        "--quick", "--only", "call_soon_chain", "--variants", "asyncio", "--json", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert "call_soon_chain" in done.stdout and "ns cpu/op" in done.stdout
    written = json.loads(out.read_text())
    assert written.keys() == {"meta", "rows", "samples", "failures"}
    assert written["meta"]["rounds"] == 1 and written["meta"]["variants"] == ["asyncio"]
    assert [s["variant"] for s in written["samples"]] == ["asyncio", "asyncio"]
    assert all(s["ops"] > 0 and s["wall_ns"] > 0 and s["round"] == 1 for s in written["samples"])
    cpu, wall = written["rows"]
    assert (cpu["metric"], wall["metric"]) == ("cpu time", "wall time")
    assert cpu["medians"].keys() == {"asyncio"} and cpu["pairs"] == []


@pytest.mark.parametrize("workload", sorted(CATALOGUE))
def test_every_workload_does_what_it_says_on_asyncio(workload: str, tmp_path: Path) -> None:
    if workload in ECHOES and not HAS_HELPERS:
        pytest.skip("the echo client needs Linux and a C compiler")
    out = tmp_path / "result.json"
    target = "0.03" if workload == "fairness" else "0.002"  # its timer must fire
    done = bench(
        "--only", workload, "--variants", "asyncio", "--target", target, "--json", str(out)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for row in json.loads(out.read_text())["rows"]:
        assert row["medians"].keys() == {"asyncio"}


@pytest.mark.skipif(not HAS_HELPERS, reason="the C control needs Linux and a C compiler")
def test_the_c_control_echoes(tmp_path: Path) -> None:
    try:
        native.build_server()
    except native.CannotBuild as error:
        pytest.skip(str(error))
    out = tmp_path / "result.json"
    done = bench("--only", "echo_100k_protocol", "--variants", "libuv", "--json", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(out.read_text())["samples"]) == 2


def broken_uvloop(folder: Path, code: str) -> str:
    """A PYTHONPATH on which uvloop is `code`."""
    (folder / "uvloop.py").write_text(code)
    return str(folder)


def test_a_worker_that_crashes_makes_the_exit_status_1(tmp_path: Path) -> None:
    # It can be imported and makes loops, but not when a worker wants one.
    code = "import asyncio, os, sys\ndef new_event_loop():\n"
    code += "    if 'worker' in sys.orig_argv[2]: os.abort()\n    return asyncio.new_event_loop()\n"
    out = tmp_path / "result.json"
    options = ["--only", "call_soon_chain", "--variants", "asyncio,uvloop", "--json", str(out)]
    done = bench(*options, PYTHONPATH=broken_uvloop(tmp_path, code))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "!!! call_soon_chain on uvloop: CRASHED: status -6" in done.stdout
    written = json.loads(out.read_text())
    assert [f["variant"] for f in written["failures"]] == ["uvloop"]
    assert {s["variant"] for s in written["samples"]} == {"asyncio"}


def test_a_loop_whose_import_fails_is_a_crash_and_not_a_missing_loop(tmp_path: Path) -> None:
    path = broken_uvloop(tmp_path, "import no_such_module")
    options = ["--only", "call_soon_chain", "--json", str(tmp_path / "result.json")]
    done = bench(*options, "--variants", "asyncio,uvloop", PYTHONPATH=path)
    assert done.returncode == 1
    assert "!!! import on uvloop: CRASHED: No module named 'no_such_module'" in done.stdout


def test_what_is_not_installed_is_said_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"python": {"version": "3"}, "asyncio": {"version": "3"}, "uvloupe": {"missing": "no"}}
    monkeypatch.setattr(cli, "run_json", lambda command: answer)
    arguments = ["--only", "call_soon_chain", "--variants", "asyncio,uvloupe"]
    one = cli.Bench(cli.parser().parse_args(arguments))
    assert one.look_around().variants == ("asyncio",)
    assert one.missing == {"uvloupe": "no"} and not one.outcome.failures


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    done = bench("--only", "call_son_chain")
    assert done.returncode == 2 and "call_son_chain: not one of call_soon_chain" in done.stderr


def test_a_worker_that_hangs_is_ended_and_reported() -> None:
    with pytest.raises(runner.WorkerFailed, match="no result within"):
        runner.run_json([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.2)


def descendants(pid: int) -> set[int]:
    """The processes below `pid`, from /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within 20 s")


def gone(pid: int) -> bool:
    """It has ended (a zombie that no one has reaped yet counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not HAS_HELPERS, reason="needs /proc and a C compiler")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(how: signal.Signals, tmp_path: Path) -> None:
    options = ["--only", "echo_1k_protocol", "--variants", "asyncio", "--target", "2"]
    command = [sys.executable, "-m", "bench", *options, "--json", str(tmp_path / "result.json")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            # a worker, its server and its client
            wait_for(lambda: len(descendants(process.pid)) == 3, "an echo")
            below = descendants(process.pid)
        finally:
            process.send_signal(how)
        status = process.wait(20)
    assert status == (-9 if how == signal.SIGKILL else 130)
    for pid in below:
        wait_for(lambda pid=pid: gone(pid), f"the end of {pid}")


# Instructions


def test_what_both_runs_spend_is_not_counted() -> None:
    few, many = instructions.Count(2000, 1_000_000), instructions.Count(12_000, 1_500_000)
    assert instructions.per_op(few, many) == 50.0


def test_the_total_of_a_callgrind_file_is_found() -> None:
    assert instructions.collected("version: 1\nevents: Ir\nsummary: 1234\n\nfn=(1)\n") == 1234
    with pytest.raises(runner.WorkerFailed):
        instructions.collected("nothing")
