"""The line to a forked kernel: requests out, messages in, and the news of its death."""

from __future__ import annotations

import asyncio
import select
import socket
import time
import uuid
from collections import deque
from datetime import datetime
from functools import cached_property
from queue import Empty
from typing import Any

from jupyter_client.session import Session, json_packer, json_unpacker, msg_header

from incident_lib.reports.warm.packets import Assembler, packed
from incident_lib.reports.warm.servers import wait_for


class Channel:
    """What came from the kernel on one channel and was not taken yet."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.messages: deque[Any] = deque()

    async def get_msg(self, timeout: float | None = None) -> Any:
        """Return the next message.

        Raises:
            Empty: if none comes in time (seconds).
        """
        return await self.connection.next_of(self, timeout)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the kernel."""
        self.connection.send(message)


class Connection:
    """The client's side of a kernel: requests out, messages in, and the news of its death."""

    def __init__(self, ours: socket.socket, handle: int) -> None:
        self.socket, self.handle = ours, handle
        self.shell_channel, self.iopub_channel, self.death = Channel(self), Channel(self), Channel(self)
        self.allow_stdin = False
        self.waiting_for = ""
        self._waiting: dict[asyncio.Future, Channel] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._assembler = Assembler()
        self._unsent: deque[bytes] = deque()
        self._ids = str(uuid.uuid4()), iter(range(2**63))

    @cached_property
    def session(self) -> Session:
        """Return a session that makes messages, for nbclient's stand-ins for widgets."""
        return Session(session=self._ids[0])

    def start_channels(self) -> None:
        """Do nothing: the line is there."""

    def stop_channels(self) -> None:
        """Do nothing: the manager closes the line."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers.

        Raises:
            RuntimeError: if it dies, or doesn't answer in time (seconds).
        """
        asked = self.kernel_info()
        while True:
            try:
                message = await self.shell_channel.get_msg(timeout)
            except Empty:
                alive = self.is_alive()
                told = f"Kernel didn't respond in {timeout} seconds" if alive else "Kernel died before replying"
                raise RuntimeError(told) from None
            if message["parent_header"].get("msg_id") == asked:
                self.iopub_channel.messages.clear()
                return

    def execute(
        self, code: str, silent: bool = False, store_history: bool = True, user_expressions: dict | None = None,
        allow_stdin: bool | None = None, stop_on_error: bool = True,
    ) -> str:  # fmt: skip
        """Ask for code to be run; return the request's id."""
        return self.request("execute_request", {
            "code": code, "silent": silent, "store_history": store_history, "user_expressions": user_expressions or {},
            "allow_stdin": self.allow_stdin if allow_stdin is None else allow_stdin, "stop_on_error": stop_on_error,
        })  # fmt: skip

    def kernel_info(self) -> str:
        """Ask what kernel it is; return the request's id."""
        return self.request("kernel_info_request", {})

    def request(self, kind: str, content: dict[str, Any]) -> str:
        """Send a request; return its id."""
        session, numbers = self._ids
        header = msg_header(f"{session}_{next(numbers)}", kind, "warm", session)
        self.waiting_for = header["msg_id"]
        self.send({"header": header, "parent_header": {}, "metadata": {}, "content": content})
        return header["msg_id"]

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; what the kernel is too busy to take is sent later, so that neither waits for the other."""
        parts = [json_packer(message[part]) for part in ("header", "parent_header", "metadata", "content")]
        self._unsent.extend(packed([b"shell", *parts, *message.get("buffers", [])]))
        self._send_more()

    def _send_more(self) -> None:
        try:
            while self._unsent:
                self.socket.send(self._unsent[0], socket.MSG_DONTWAIT)
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:  # it died; that is told where a reply is waited for
            self._unsent.clear()

    def is_alive(self) -> bool:
        """Tell whether the kernel's process runs."""
        return self.handle >= 0 and not wait_for(self.handle, 0)

    def wait_until_dead(self, seconds: float) -> bool:
        """Wait for the process to end, reading on meanwhile, so that it never waits for us; return whether it did."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        poll.register(self.socket, select.POLLIN)
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0, round(left * 1000)))}
            if self.handle in ready or not ready:
                return self.handle in ready
            if not self._read():
                poll.unregister(self.socket)

    async def next_of(self, channel: Channel, timeout: float | None) -> Any:
        """Return the next message of a channel, read by whoever waits.

        Raises:
            Empty: if none comes in time (seconds).
        """
        if channel.messages:
            return channel.messages.popleft()
        future = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._watch(asyncio.get_running_loop())
        self._waiting[future] = channel
        try:
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise Empty from None
        finally:
            self._waiting.pop(future, None)
            if not self._waiting:
                self._stop_watching()
        return channel.messages.popleft()

    def _readable(self) -> None:
        if not self._read():
            self._stop_watching()
            self.death.messages.append("the line is cut")
        self._send_more()
        self._wake()

    def _ended(self) -> None:
        """Take note of the kernel's death, after the last that it said."""
        self._read()
        self._stop_watching()
        self.death.messages.append("the process ended")
        self._wake()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self.socket, self._readable)
        loop.add_reader(self.handle, self._ended)

    def _stop_watching(self) -> None:
        loop, self._loop = self._loop, None
        if loop and not loop.is_closed():
            loop.remove_reader(self.socket)
            loop.remove_reader(self.handle)

    def _wake(self) -> None:
        for future, channel in self._waiting.items():
            if channel.messages and not future.done():
                future.set_result(None)

    def _read(self) -> bool:
        """Take what is there; return whether the line still stands."""
        try:
            for parts in self._assembler.receive(self.socket):
                self._take(parts)
        except (EOFError, OSError):
            return False
        return True

    def _take(self, parts: list[bytes]) -> None:
        header, parent, metadata, content = (json_unpacker(part) for part in parts[1:5])
        header["date"] = datetime.fromisoformat(header["date"])
        message = {
            "header": header, "msg_id": header["msg_id"], "msg_type": header["msg_type"], "parent_header": parent,
            "metadata": metadata, "content": content, "buffers": [memoryview(part) for part in parts[5:]],
        }  # fmt: skip
        shell = parts[0] == b"shell"
        if shell and parent.get("msg_id") == self.waiting_for:
            self.waiting_for = ""
        (self.shell_channel if shell else self.iopub_channel).messages.append(message)

    def close(self) -> None:
        """Close the line; who still waits at it, waits in vain."""
        self._stop_watching()
        self._waiting.clear()
        self.socket.close()
        self.handle = -1
