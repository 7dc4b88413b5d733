"""A small shop over HTTP, as services are: mostly good, and here and there not.

    python examples/shop.py                  # on asyncio's own loop
    uvloupe run examples/shop.py             # on uvloupe's, unchanged

    GET /catalogue        answers at once
    GET /stock            asks a slow warehouse for each item, over HTTP, and waits
    GET /quote            computes for some milliseconds
    GET /checkout/ORDER   charges a card through an old library that blocks the loop

SHOP_PORT (8080) is where it listens; SHOP_CARD_SECONDS (0.3) is how long a charge takes.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

ITEMS = {"lamp": 39.0, "chair": 120.0, "desk": 310.0}
PORT = int(os.environ.get("SHOP_PORT", "8080"))
CARD_SECONDS = float(os.environ.get("SHOP_CARD_SECONDS", "0.3"))
SESSION = web.AppKey("session", ClientSession)


async def catalogue(request: web.Request) -> web.Response:
    return web.json_response(ITEMS)


# ---- waits: a slow warehouse ---------------------------------------------------------------


async def warehouse(request: web.Request) -> web.Response:
    """The upstream; in real life it is somebody else's."""
    await asyncio.sleep(0.12)
    return web.json_response({"item": request.match_info["item"], "left": 7})


async def ask_warehouse(session: ClientSession, item: str) -> int:
    async with session.get(f"http://127.0.0.1:{PORT}/warehouse/{item}") as response:
        answer = await response.json()
    return int(answer["left"])


async def stock(request: web.Request) -> web.Response:
    session = request.app[SESSION]
    left = await asyncio.gather(*(ask_warehouse(session, item) for item in ITEMS))
    return web.json_response(dict(zip(ITEMS, left, strict=True)))


# ---- computes -------------------------------------------------------------------------------


async def price(item: str) -> float:
    discount = sum(math.sin(n) for n in range(20_000)) / 20_000
    return round(ITEMS[item] * (1 - abs(discount)), 2)


async def quote(request: web.Request) -> web.Response:
    prices = await asyncio.gather(*(price(item) for item in ITEMS))
    return web.json_response(dict(zip(ITEMS, prices, strict=True)))


# ---- blocks ---------------------------------------------------------------------------------


def charge_card() -> None:
    """From a library that knows nothing of asyncio."""
    time.sleep(CARD_SECONDS)


async def charge(order: str) -> str:
    charge_card()
    await asyncio.sleep(0.01)  # the receipt goes to the printer
    return f"{order}: paid"


async def checkout(request: web.Request) -> web.Response:
    order = request.match_info["order"]
    return web.Response(text=await asyncio.create_task(charge(order), name=f"charge {order}"))


# ---- the application --------------------------------------------------------------------------


async def open_session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession() as app[SESSION]:
        yield


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(open_session)
    app.router.add_get("/catalogue", catalogue)
    app.router.add_get("/warehouse/{item}", warehouse)
    app.router.add_get("/stock", stock)
    app.router.add_get("/quote", quote)
    app.router.add_get("/checkout/{order}", checkout)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=PORT)
