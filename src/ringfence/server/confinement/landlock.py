"""Landlock: the kernel refuses this process every file, or all but reading one folder (Linux 5.13; <linux/landlock.h>).

It needs no root, so it is what confines a server that a plain user or a container started.
"""

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# What each version of the interface can refuse in the file system: this many bits from the lowest.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_BITS_SINCE_5 = 16
_NETWORK_SINCE = 4
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPES_SINCE = 6
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1


def restrict(folder_fd: int | None) -> bool:
    """Restrict this process: it can only read files below the given folder, if any, and open no TCP port or connection.

    It can't send signals to other processes or use their abstract Unix sockets either. Open descriptors stay open.
    Needs no_new_privs. Return False, and change nothing, if this kernel can't do it. Before Linux 6.7 TCP is not
    restricted, before 6.12 signals are not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = version_here()
    if version < 1:
        return False
    files = (1 << _FILE_BITS.get(version, _FILE_BITS_SINCE_5)) - 1
    attributes = struct.pack("=Q", files)
    if version >= _NETWORK_SINCE:
        attributes += struct.pack("=Q", _BIND_TCP | _CONNECT_TCP)
    if version >= _SCOPES_SINCE:
        attributes += struct.pack("=Q", _ABSTRACT_SOCKETS | _SIGNALS)
    ruleset = libc.syscall(
        ctypes.c_long(_CREATE_RULESET), attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    if ruleset < 0:
        return False
    try:
        if folder_fd is not None:
            rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, folder_fd)
            if libc.syscall(
                ctypes.c_long(_ADD_RULE), ruleset, ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0)
            ):
                return False
        return bool(libc.syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def version_here() -> int:
    """Return the version of this kernel's interface, below 1 if it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))
