"""Opens files below one directory, and nothing else, whatever is in the way.

Invariants:

- Paths are resolved from a descriptor that is held from the start; no path of the machine is ever used.
- Nothing outside can be reached: not by ``..``, a NUL or a link, nor by a folder that is moved at the same moment. With
  openat2 (Linux 5.6) the kernel itself ensures this, and links that stay inside are followed. Without it, every part of
  the path is opened separately, and no link is followed.
- An entry is inspected before it is opened, and only regular files are opened: a FIFO would block or wake its writer, a
  device may do anything.
"""

import ctypes
import errno
import os
import stat

_SYS_OPENAT2 = 437  # the same number on every architecture that Linux 5.6 added it to
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_MOST_TRIES = 16

_LOOK = os.O_PATH | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_READ_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class Beneath:
    """The directory ``fd``, which it takes over. ``name`` is always normalised (``ringfence.content.names``).

    ``openat2`` is whether the kernel's openat2 is used; None: if the kernel has it.
    """

    def __init__(self, fd: int, *, openat2: bool | None = None) -> None:
        self.fd = fd
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.follows_links = self._has_openat2() if openat2 is None else openat2
        """Whether links that stay inside are followed."""

    def look(self, name: str) -> os.stat_result:
        """Return what ``name`` is, without opening it. Raise OSError if nothing reachable has that name."""
        fd = self._open(name, _LOOK)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def open_file(self, name: str) -> tuple[int, os.stat_result]:
        """Return a readable descriptor of the regular file ``name``, and its facts. OSError; never blocks."""
        _only_regular(self.look(name))
        fd = self._open(name, _READ)
        try:
            facts = os.fstat(fd)
            _only_regular(facts)  # somebody may have put another thing there in between
        except OSError:
            os.close(fd)
            raise
        return fd, facts

    def open_folder(self, name: str) -> int:
        """Return a descriptor of the folder ``name`` that can be listed; ``""`` is the directory itself. OSError."""
        return self._open(name or ".", _READ_FOLDER)

    def close(self) -> None:
        """Close the directory."""
        os.close(self.fd)

    def _open(self, name: str, flags: int) -> int:
        way = name.encode("utf-8", "surrogateescape")  # as the packet had it, whatever this process's locale is
        if way != b"." and (b"\0" in way or not {b"", b".", b".."}.isdisjoint(way.split(b"/"))):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))  # no such name is normalised
        if not self.follows_links:
            return self._open_part_by_part(way, flags)
        how = _OpenHow(flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
        number = errno.EAGAIN
        for _ in range(_MOST_TRIES):  # EAGAIN: something was moved on the way, and the kernel could not be sure
            fd: int = self._libc.syscall(
                ctypes.c_long(_SYS_OPENAT2), self.fd, way, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
            )
            if fd >= 0:
                return fd
            number = ctypes.get_errno()
            if number not in {errno.EAGAIN, errno.EINTR}:
                break
        raise OSError(number, os.strerror(number))

    def _open_part_by_part(self, way: bytes, flags: int) -> int:
        *folders, last = way.split(b"/")
        at = self.fd
        try:
            for part in folders:
                inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                if at != self.fd:
                    os.close(at)
                at = inner
            fd = os.open(last, flags | os.O_NOFOLLOW, dir_fd=at)
        finally:
            if at != self.fd:
                os.close(at)
        return fd

    def _has_openat2(self) -> bool:
        self.follows_links = True
        try:
            os.close(self._open(".", _LOOK))
        except OSError:
            return False  # an old kernel, or a sandbox that knows no such call
        return True


def _only_regular(facts: os.stat_result) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
