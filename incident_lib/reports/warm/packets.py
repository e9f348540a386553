"""Messages between processes, over a socket that keeps packets whole.

A message is a list of byte strings, cut into packets that name their writer and the message. So any number of threads
and forked processes may write to one socket at once, without a lock, and a writer that is killed in the middle of a
message costs that message and nothing else.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
from collections.abc import Iterator, Sequence

PACKET = 65_536
_HEAD = struct.Struct("<IQ?")  # the writer's process, its message's number, whether more of it follows
_LENGTH = struct.Struct("<Q")
_NUMBERS = itertools.count()


def connected() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new connection."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def packed(parts: Sequence[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the packets of a message."""
    body = b"".join([
        _LENGTH.pack(len(parts)), *(_LENGTH.pack(memoryview(part).nbytes) for part in parts), *parts,
    ])  # fmt: skip
    writer, number = os.getpid(), next(_NUMBERS)
    for start in range(0, len(body), PACKET):
        end = start + PACKET
        yield _HEAD.pack(writer, number, end < len(body)) + body[start:end]


def send(connection: socket.socket, parts: Sequence[bytes | memoryview]) -> None:
    """Send a message, waiting while the other side is behind."""
    for packet in packed(parts):
        connection.send(packet)


class Assembler:
    """Puts the packets that were read from one socket together again."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, int], list[bytes]] = {}

    def add(self, packet: bytes) -> list[bytes] | None:
        """Take a packet; return the message that it completes."""
        writer, number, more = _HEAD.unpack_from(packet)
        begun = self._begun.setdefault((writer, number), [])
        begun.append(packet[_HEAD.size :])
        return None if more else _unpacked(b"".join(self._begun.pop((writer, number))))

    def receive(self, connection: socket.socket, *, wait: bool = False) -> Iterator[list[bytes]]:
        """Yield the messages that are there; with ``wait`` the first of them is waited for.

        Raises:
            EOFError: if the other side is gone.
        """
        flags = 0 if wait else socket.MSG_DONTWAIT
        while True:
            try:
                packet = connection.recv(PACKET + _HEAD.size, flags)
            except BlockingIOError:
                return
            except ConnectionResetError as error:
                raise EOFError from error
            if not packet:
                raise EOFError
            message = self.add(packet)
            if message is not None:
                yield message
                flags = socket.MSG_DONTWAIT


def _unpacked(body: bytes) -> list[bytes]:
    (count,) = _LENGTH.unpack_from(body)
    place, parts = _LENGTH.size * (count + 1), []
    for number in range(1, count + 1):
        (length,) = _LENGTH.unpack_from(body, _LENGTH.size * number)
        parts.append(body[place : place + length])
        place += length
    return parts
