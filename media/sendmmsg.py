"""One door to the kernel's bulk send: sendmmsg with UDP_SEGMENT through cffi, on Linux. Knows bytes and addresses."""

from __future__ import annotations

import array
import errno
import socket
import struct
import sys
from functools import cache
from typing import Any

import cffi

UDP_SEGMENT, UDP_GRO = 103, 104
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
MSG_DONTWAIT = 0x40
_MMSG_WORDS = 8  # struct mmsghdr is 64 bytes on 64-bit Linux

_ffi: Any = cffi.FFI()
_ffi.cdef(
    """
    struct iovec { void *base; size_t length; };
    struct msghdr {
        void *name; unsigned name_length; struct iovec *vectors; size_t vector_count;
        void *control; size_t control_length; int flags;
    };
    struct mmsghdr { struct msghdr header; unsigned length; };
    int sendmmsg(int, struct mmsghdr *, unsigned, int);
    """
)


def is_available() -> bool:
    """Whether this machine has 64-bit Linux' sendmmsg and lets sockets segment UDP (Linux 4.18)."""
    if sys.platform != "linux" or _ffi.sizeof("struct mmsghdr") != 8 * _MMSG_WORDS:
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


@cache
def _libc() -> Any:
    # Once: cffi keeps whatever it has opened, and a table is made whenever viewers come together anew.
    return _ffi.dlopen(None)


def pointer_table(base: int, stride: int, count: int) -> array.array[int]:
    """Addresses ``base``, ``base + stride`` …"""
    return array.array("Q", [base + stride * index for index in range(count)])


class VectorTable:
    """The iovecs of one scratch pool: one per packet place, addresses fixed, lengths written per burst."""

    __slots__ = ("_memory", "_tables", "base", "lengths")

    def __init__(self, first_address: int, stride: int, count: int) -> None:
        self._memory = _ffi.new("struct iovec[]", count)
        words = memoryview(_ffi.buffer(self._memory)).cast("B").cast("Q")
        words[0::2] = pointer_table(first_address, stride, count)
        self.lengths: memoryview[int] = words[1::2]
        self.base = int(_ffi.cast("intptr_t", self._memory))
        self._tables: dict[tuple[int, int], array.array[int]] = {}

    def pointers(self, per_message: int, capacity: int) -> array.array[int]:
        """Where each message's vectors begin. Sound and pictures take turns, so they are kept."""
        found = self._tables.get((per_message, capacity))
        if found is None:
            found = self._tables[per_message, capacity] = pointer_table(self.base, 16 * per_message, capacity)
        return found


class SegmentControl:
    """The control message that tells the kernel the size of all segments but the last (UDP_SEGMENT)."""

    __slots__ = ("_memory", "_view", "pointer")

    def __init__(self) -> None:
        self._memory = _ffi.new("char[24]")
        _ffi.buffer(self._memory)[:] = struct.pack("=QiiH6x", 18, socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        self._view = memoryview(_ffi.buffer(self._memory)).cast("B")
        self.pointer = self._memory

    def set(self, size: int) -> None:
        struct.pack_into("=H", self._view, 16, size)


class MessageTable:
    """The prepared messages of up to ``capacity`` receivers; receiver i sends from vectors i·k … i·k+k-1."""

    __slots__ = ("_counts", "_library", "_memory", "_names", "_pointers", "_shape", "capacity")

    def __init__(self, capacity: int, control: SegmentControl) -> None:
        self.capacity = capacity
        self._library = _libc()
        self._memory = _ffi.new("struct mmsghdr[]", capacity)
        self._names = _ffi.new("char[]", 16 * capacity)
        words = memoryview(_ffi.buffer(self._memory)).cast("B").cast("Q")
        self._pointers = words[2::_MMSG_WORDS]
        self._counts = words[3::_MMSG_WORDS]
        self._shape: tuple[int, int] | None = None
        for index in range(capacity):
            header = self._memory[index].header
            header.name = self._names + 16 * index
            header.name_length = 16
            header.control = control.pointer
            header.control_length = 24

    def set_address(self, index: int, address: tuple[str, int]) -> None:
        """struct sockaddr_in of a receiver."""
        name = struct.pack("=H", socket.AF_INET) + struct.pack("!H", address[1]) + socket.inet_aton(address[0])
        _ffi.buffer(self._names)[16 * index : 16 * index + 8] = name

    def set_shape(self, vectors: VectorTable, per_message: int) -> None:
        """Points the messages into a pool, ``per_message`` packets each; free when nothing changed."""
        shape = (vectors.base, per_message)
        if shape == self._shape:
            return
        self._pointers[:] = vectors.pointers(per_message, self.capacity)
        if self._shape is None or self._shape[1] != per_message:
            self._counts[:] = array.array("Q", [per_message]) * self.capacity
        self._shape = shape

    def send(self, descriptor: int, count: int) -> tuple[int, list[int]]:
        """Sends the first ``count`` messages.

        Returns how many found no room in the kernel, and which were refused for a reason of their own (a device without
        checksum offload refuses segments, for one). A bad receiver does not stop the others.
        """
        refused: list[int] = []
        at = 0
        while at < count:
            sent = self._library.sendmmsg(descriptor, self._memory + at, count - at, MSG_DONTWAIT)
            if sent > 0:
                at += sent
                continue
            reason = _ffi.errno
            if reason == errno.EINTR:
                continue
            if reason in (errno.EAGAIN, errno.ENOBUFS):
                return count - at, refused
            refused.append(at)
            at += 1
        return 0, refused
