"""aiohttp, unmodified, with a real client."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from services import Program, free_port

import uvloupe

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop.py"


# ---- a server and a client on one loop ---------------------------------------------------


async def hello(request: web.Request) -> web.Response:
    return web.json_response({"path": request.path})


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for n in range(100):
        await response.write(b"%05d" % n * 200)
    await response.write_eof()
    return response


async def chat(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket


async def hang(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


@asynccontextmanager
async def served() -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    app = web.Application()
    app.add_routes(
        [
            web.get("/hello", hello),
            web.post("/echo", echo),
            web.get("/stream", stream),
            web.get("/chat", chat),
            web.get("/hang", hang),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def test_many_requests_at_once(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        async with served() as (session, url):

            async def get() -> None:
                for _ in range(5):
                    async with session.get(f"{url}/hello") as response:
                        assert await response.json() == {"path": "/hello"}

            await asyncio.gather(*(get() for _ in range(80)))

    loop.run_until_complete(main())
    assert loop.monitor.stats().tasks_dropped == 0


@pytest.mark.parametrize("size", [0, 1, 65_537, 900_000])
def test_bodies_of_all_sizes(loop: uvloupe.Loop, size: int) -> None:
    body = bytes(n * 31 % 251 for n in range(size))

    async def main() -> None:
        async with served() as (session, url), session.post(f"{url}/echo", data=body) as response:
            assert await response.read() == body

    loop.run_until_complete(main())


def test_a_streamed_response(loop: uvloupe.Loop) -> None:
    async def main() -> bytes:
        async with served() as (session, url), session.get(f"{url}/stream") as response:
            return await response.read()

    got = loop.run_until_complete(main())
    assert got == b"".join(b"%05d" % n * 200 for n in range(100))


def test_websockets(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        async with served() as (session, url), session.ws_connect(f"{url}/chat") as socket:
            for n in range(200):
                await socket.send_str(f"hello {n}")
                assert await socket.receive_str() == f"HELLO {n}"

    loop.run_until_complete(main())


def test_a_client_that_gives_up(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        async with served() as (session, url):
            with pytest.raises(asyncio.TimeoutError):
                await session.get(f"{url}/hang", timeout=aiohttp.ClientTimeout(0.1))
            async with session.get(f"{url}/hello") as response:
                assert response.status == 200

    loop.run_until_complete(main())


# ---- a program that knows nothing of us -----------------------------------------------------


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read()


def test_the_example_shop_runs_unmodified(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "shop.json"
    arguments = ("run", "--slow", "0.15", "--profile", str(file), str(SHOP))
    env = {"SHOP_PORT": str(port), "SHOP_CARD_SECONDS": "0.25"}
    with Program("-m", "uvloupe", *arguments, env=env) as shop:
        shop.wait_for("Running on")
        url = f"http://127.0.0.1:{port}"
        assert json.loads(get(f"{url}/catalogue"))["lamp"] == 39.0
        assert json.loads(get(f"{url}/stock")) == {"lamp": 7, "chair": 7, "desk": 7}
        assert json.loads(get(f"{url}/quote"))["desk"] > 300
        assert get(f"{url}/checkout/17") == b"17: paid"
        assert "charge" in shop.wait_for("slow step: .*")[0]
        assert shop.stop(signal.SIGTERM) == 0, shop.text
    profile = uvloupe.Profile.load(file)
    rows = {row.name: row for row in profile.coroutines}
    assert rows["ask_warehouse"].calls == 3
    assert rows["ask_warehouse"].awaited > 0.3
    assert rows["price"].running > rows["ask_warehouse"].running
    assert rows["charge"].longest > 0.24
    (slow,) = [step for step in profile.slow_steps if step.callback == "charge"]
    assert slow.task_name == "charge 17"
    assert slow.file is not None and slow.file.endswith("examples/shop.py")


def test_the_demo_shows_what_it_promises(run_python) -> None:
    done = run_python(str(SHOP.with_name("demo.py")), timeout=90)
    assert done.returncode == 0, done.stderr
    for promise in (
        "$ telnet 127.0.0.1 ",
        "charge 4711 (charge) has been running for",
        "slow step: task",
        "(examples/shop.py:",
        "coroutine ",
        "uvloupe-demo-profile.json",
    ):
        assert promise in done.stdout
