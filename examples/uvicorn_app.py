"""A plain ASGI application, for any server.

    uvicorn --loop uvloupe:new_event_loop --app-dir examples uvicorn_app:app

GET / answers at once; GET /slow waits for a fifth of a second first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer one HTTP request with what was asked for and the loop that answers."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    loop = type(asyncio.get_running_loop())
    answer = {"path": scope["path"], "received": size, "loop": loop.__module__}
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
