"""The event-loop policy, in processes of their own: it is global."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 16), reason="Python has no policies")

IS_OURS = "import asyncio, uvloupe; print(isinstance({}, uvloupe.Loop))"


def test_install_makes_it_the_default(run_python) -> None:
    done = run_python(
        "-W", "ignore::DeprecationWarning", "-c",
        """if True:
        import asyncio, uvloupe
        uvloupe.install()
        async def main():
            return type(asyncio.get_running_loop()).__module__
        print(asyncio.run(main()))
        loop = asyncio.new_event_loop()
        print(type(loop).__module__)
        loop.close()
        """,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("uvloupe.loop\nuvloupe.loop\n", "")


def test_the_policy_object(run_python) -> None:
    done = run_python(
        "-W", "ignore::DeprecationWarning", "-c",
        """if True:
        import asyncio, uvloupe
        policy = uvloupe.EventLoopPolicy()
        assert isinstance(policy, asyncio.AbstractEventLoopPolicy)
        asyncio.set_event_loop_policy(policy)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        assert asyncio.get_event_loop() is loop
        assert loop.run_until_complete(asyncio.sleep(0, "slept")) == "slept"
        loop.close()
        print("fine")
        """,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_importing_uvloupe_warns_of_nothing(run_python) -> None:
    done = run_python("-W", "error", "-c", "import uvloupe")
    assert (done.returncode, done.stderr) == (0, "")


def test_install_warns_where_policies_are_deprecated(run_python) -> None:
    done = run_python("-W", "always", "-c", "import uvloupe\nuvloupe.install()")
    assert done.returncode == 0
    warned = "event-loop policies go away" in done.stderr
    assert warned == (sys.version_info >= (3, 14))
    assert done.stderr.count("DeprecationWarning") == int(warned)


def test_subprocesses_work_under_the_policy(run_python) -> None:
    done = run_python(
        "-W", "ignore::DeprecationWarning", "-c",
        """if True:
        import asyncio, sys, uvloupe
        uvloupe.install()
        async def main():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            return process.returncode, out
        print(asyncio.run(main()))
        """,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(0, b'child\\n')\n", "")
