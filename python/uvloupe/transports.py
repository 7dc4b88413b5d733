"""TCP and Unix transports: the policy around ``_loop.Stream`` and ``_loop.Listener``.

asyncio decides which methods a loop calls to make transports and servers; here they are,
over the C types.  TLS is asyncio's own SSLProtocol on top of a stream.
"""

from __future__ import annotations

import inspect
import os
import socket
import ssl
import sys
from asyncio import (
    base_events,
    constants,
    exceptions,
    protocols,
    sslproto,
    transports,
    trsock,
    unix_events,
)
from asyncio.log import logger
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import _loop

if TYPE_CHECKING:
    from .loop import Loop as _Base
else:
    _Base = object

__all__ = ["StreamTransport", "TransportsMixin"]

_Hook = Callable[[transports.BaseTransport], object]


class StreamTransport(_loop.Stream):
    """A TCP or Unix stream transport.

    isinstance(transport, asyncio.Transport) holds, by way of ``__class__``: the C type
    and asyncio's classes with slots cannot be bases of one class.
    """

    __slots__ = ()

    max_size = 256 * 1024  # bytes, as asyncio's: the most that one read delivers
    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    @property
    def __class__(self) -> type:
        return _AsAsyncioTransport

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the bytes at which pause_writing() and resume_writing() are called.

        Raises ValueError unless high >= low >= 0.
        """
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._set_limits(low, min(high, sys.maxsize))

    def _make_socket(self, fd: int, family: int, proto: int) -> socket.socket:
        """A socket object over our descriptor, or a closed one once we have none."""
        if fd < 0:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.close()
            return sock
        sock = socket.socket(family, socket.SOCK_STREAM, proto, fileno=fd)
        try:
            sock.setblocking(False)
            sock._io_refs += 1  # its close() must not close the descriptor
        except BaseException:
            sock.detach()
            raise
        return sock


class _AsAsyncioTransport(transports._FlowControlMixin, transports.Transport):
    """What a StreamTransport says it is to isinstance(); never made."""

    __slots__ = ()


_AsAsyncioTransport.__name__ = StreamTransport.__name__
_AsAsyncioTransport.__qualname__ = StreamTransport.__qualname__

# From CPython 3.13 on a server wants to know which transports are its own.
_SERVER_TAKES_TRANSPORT = len(inspect.signature(base_events.Server._attach).parameters) > 1


def _server_hooks(server: Any) -> tuple[_Hook | None, _Hook | None]:
    if server is None:
        return None, None
    if _SERVER_TAKES_TRANSPORT:
        return server._attach, server._detach
    return (lambda transport: server._attach()), (lambda transport: server._detach())


class TransportsMixin(_Base):
    """What BaseEventLoop calls to make stream transports and servers."""

    @cached_property
    def _listeners(self) -> dict[socket.socket, _loop.Listener]:
        return {}

    # -- connections ----------------------------------------------------------------

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: protocols.BaseProtocol,
        waiter: Any = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Any = None,
    ) -> StreamTransport:
        if not isinstance(sock, socket.socket):
            # Somebody else's idea of a socket: the descriptor stays theirs.
            sock = socket.socket(fileno=os.dup(sock.fileno()))
            sock.setblocking(False)
        return self._open_stream(
            StreamTransport, sock, protocol, waiter, extra, *_server_hooks(server)
        )

    def _make_ssl_transport(
        self,
        rawsock: socket.socket,
        protocol: protocols.BaseProtocol,
        sslcontext: ssl.SSLContext | None,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: dict[str, Any] | None = None,
        server: Any = None,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
    ) -> transports.Transport:
        ssl_protocol = sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._make_socket_transport(rawsock, ssl_protocol, extra=extra, server=server)
        return ssl_protocol._app_transport

    # -- servers --------------------------------------------------------------------

    def _start_serving(
        self,
        protocol_factory: Callable[[], protocols.BaseProtocol],
        sock: socket.socket,
        sslcontext: ssl.SSLContext | None = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
    ) -> None:
        def ssl_protocol_factory() -> sslproto.SSLProtocol:
            return sslproto.SSLProtocol(
                self,
                protocol_factory(),
                sslcontext,
                None,
                server_side=True,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )

        def accept_failed(listener: _loop.Listener, exception: OSError) -> None:
            # Most often too many open files.  Connections wait in the kernel meanwhile.
            self.call_later(constants.ACCEPT_RETRY_DELAY, listener.resume)
            self.call_exception_handler(
                {
                    "message": "socket.accept() out of system resource",
                    "exception": exception,
                    "socket": trsock.TransportSocket(sock),
                }
            )

        before = self._listeners.pop(sock, None)
        if before is not None:  # another server on this socket: the last one has it
            before.close()
        self._listeners[sock] = self._open_listener(
            sock.fileno(),
            sock.family,
            sock.proto,
            backlog,
            StreamTransport,
            ssl_protocol_factory if sslcontext is not None else protocol_factory,
            *_server_hooks(server),
            accept_failed,
        )

    def _stop_serving(self, sock: socket.socket) -> None:
        path = sock.getsockname() if sock in self._unix_server_sockets else None
        listener = self._listeners.pop(sock, None)
        if listener is not None:
            listener.close()
        sock.close()
        if path is not None:
            self._remove_unix_path(path, self._unix_server_sockets.pop(sock))

    # -- Unix sockets ---------------------------------------------------------------

    @cached_property
    def _unix_server_sockets(self) -> dict[socket.socket, int]:
        """Inodes of the paths that CPython 3.13's create_unix_server() wants removed."""
        return {}

    def _remove_unix_path(self, path: str, inode: int) -> None:
        try:
            if os.stat(path).st_ino == inode:
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.error("Unable to clean up listening UNIX socket %r: %r", path, error)

    create_unix_connection = unix_events._UnixSelectorEventLoop.create_unix_connection
    create_unix_server = unix_events._UnixSelectorEventLoop.create_unix_server

    # -- sendfile -------------------------------------------------------------------

    async def _sendfile_native(
        self, transp: StreamTransport, file: Any, offset: int, count: int | None
    ) -> int:
        if not isinstance(transp, StreamTransport):
            raise exceptions.SendfileNotAvailableError("not a stream transport")
        emptied = transp._make_empty_waiter()  # raises if another one is under way
        resume_reading = transp.is_reading()
        transp.pause_reading()
        try:
            await emptied
            # Another descriptor for the same socket: libuv watches the transport's own.
            with socket.socket(fileno=os.dup(transp._sock_fd)) as sock:
                sock.setblocking(False)
                return await self.sock_sendfile(sock, file, offset, count, fallback=False)
        finally:
            transp._reset_empty_waiter()
            if resume_reading:
                transp.resume_reading()

    _sock_sendfile_native = unix_events._UnixSelectorEventLoop._sock_sendfile_native
    _sock_sendfile_native_impl = unix_events._UnixSelectorEventLoop._sock_sendfile_native_impl
    _sock_sendfile_update_filepos = unix_events._UnixSelectorEventLoop._sock_sendfile_update_filepos
    _sock_add_cancellation_callback = (
        unix_events._UnixSelectorEventLoop._sock_add_cancellation_callback
    )

    # -- names ----------------------------------------------------------------------

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, ...]]:
        """socket.getaddrinfo() on libuv's thread pool.  Raises socket.gaierror."""
        sys.audit("socket.getaddrinfo", host, port, family, type, proto, flags)
        found = await self._getaddrinfo(
            _encode_host(host), _encode_port(port), family, type, proto, flags
        )
        return [
            (_enumerated(socket.AddressFamily, af), _enumerated(socket.SocketKind, kind), *rest)
            for af, kind, *rest in found
        ]

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int = 0) -> tuple[str, str]:
        """socket.getnameinfo() on libuv's thread pool.  Raises socket.gaierror."""
        sys.audit("socket.getnameinfo", sockaddr)
        return await self._getnameinfo(sockaddr, flags)


def _encode_host(host: object) -> bytes | None:
    if host is None or isinstance(host, bytes):
        return host
    if isinstance(host, bytearray):
        return bytes(host)
    if isinstance(host, str):
        return host.encode("idna")
    raise TypeError("getaddrinfo() argument 1 must be string or None")


def _encode_port(port: object) -> bytes | None:
    if port is None or isinstance(port, bytes):
        return port
    if isinstance(port, int):
        return b"%d" % port
    if isinstance(port, str):
        return port.encode()
    raise OSError("Int or String expected")


def _enumerated(enum: type, value: int) -> int:
    try:
        return enum(value)
    except ValueError:
        return value
