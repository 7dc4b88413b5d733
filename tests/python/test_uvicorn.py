"""uvicorn, unmodified, with a real client."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from services import Program

import uvloupe

uvicorn = pytest.importorskip("uvicorn")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
UP = r"Uvicorn running on http://127\.0\.0\.1:(\d+)"
SERVE = ("--app-dir", str(EXAMPLES), "--port", "0", "uvicorn_app:app")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        assert response.status == 200
        answer = json.loads(response.read())
        assert isinstance(answer, dict)
        return answer
    finally:
        connection.close()


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "uvicorn", "--loop", "uvloupe:new_event_loop", *SERVE),
        ("-m", "uvloupe", "run", "-m", "uvicorn", "--loop", "none", *SERVE),
    ],
    ids=["by its --loop", "by uvloupe run"],
)
def test_uvicorn_serves_on_our_loop(command: tuple[str, ...]) -> None:
    with Program(*command) as server:
        port = int(server.wait_for(UP)[1])
        assert ask(port, "GET", "/hello") == {
            "path": "/hello",
            "received": 0,
            "loop": "uvloupe.loop",
        }
        assert ask(port, "POST", "/big", b"x" * 3_000_000)["received"] == 3_000_000
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda n: ask(port, "GET", f"/slow?{n}"), range(40)))
        assert all(answer["path"] == "/slow" for answer in answers)
        server.stop(signal.SIGTERM)
        assert "Finished server process" in server.text
        assert "Traceback" not in server.text


def test_uvicorns_server_under_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> dict[str, object]:
        config = uvicorn.Config("uvicorn_app:app", port=0, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        answer = await asyncio.to_thread(ask, port, "GET", "/")
        server.should_exit = True
        await serving
        return answer

    monkeypatch.syspath_prepend(str(EXAMPLES))
    assert uvloupe.run(main())["loop"] == "uvloupe.loop"
