"""Inputs that no repository should hold: bombs, giants, and archives that try to write where they must not."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from support.firmware_files import (
    bundle_42,
    cop,
    signed,
    tarred,
    zipped,
)

_HEADS = b'<?xml version="1.0"?>\n<device>'
_MIB = 1 << 20


def _entry(kind: bytes, name: str = "link", target: str = "/etc/passwd") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return gzip.compress(out.getvalue())


def _zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def _sparse_bomb() -> bytes:
    """A gigabyte of nothing in a megabyte, and that once more in a few kilobytes."""
    packer = zlib.compressobj(9, wbits=31)
    chunks = [packer.compress(bytes(_MIB)) for _ in range(1024)]
    return gzip.compress(b"".join([*chunks, packer.flush()]))


def _nested(depth: int) -> bytes:
    data = zipped({"a.sbn": b"x"})
    for level in range(depth):
        data = zipped({f"{level}.zip": data})
    return data


def _encrypted_zip() -> bytes:
    data = bytearray(zipped({"a.sbn": b"x" * 50}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


def _promises(size_bytes: int) -> bytes:
    """A zip whose directory says another size than what is packed."""
    data = bytearray(zipped({"a.sbn": bytes(10_000)}))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size_bytes)
    struct.pack_into("<I", data, data.index(b"PK\x03\x04") + 22, size_bytes)
    return bytes(data)


def _without(name: str) -> Mapping[str, bytes]:
    return {key: data for key, data in bundle_42().items() if not key.startswith(name)}


def _start_of(data: bytes, length: int) -> bytes:
    return data[:length]


def _cut_lists() -> Iterator[tuple[str, Callable[[], bytes]]]:
    whole = bundle_42()["SIP42.9-4-2SR3-1S.loads"]
    for at in range(1, whole.index(b"#HARDWARE")):
        yield f"firmware/cut-{at:03}.loads", partial(_start_of, whole, at)


MADE: Mapping[str, Callable[[], bytes]] = {
    "phones/giant.cnf.xml": lambda: _HEADS + b" " * 60 * _MIB + b"</device>",
    "phones/giant-line.cnf.xml": lambda: _HEADS + b"<a>" + b"x" * 50 * _MIB + b"</a></device>",
    "phones/deep.cnf.xml": lambda: _HEADS + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</device>",
    "phones/many-attributes.cnf.xml": lambda: (
        _HEADS[:-1] + b"".join(b' a%d="1"' % number for number in range(15_000)) + b"></device>"
    ),
    "tables/giant.csv": lambda: b"mac,site\n" + b"x" * 60 * _MIB,
    "tables/giant-cell.csv": lambda: b'mac,site\n001B54E00000,"' + b"x" * 200_000 + b'"\n',
    "tables/many-rows.csv": lambda: b"mac,site\n" + b"001B54E00000,office\n" * 1_000_000,
    "firmware/bomb.gz": _sparse_bomb,
    "firmware/bomb.zip": lambda: zipped({"a.sbn": bytes(600 * _MIB)}),
    "firmware/many.zip": lambda: zipped({f"{number}.sbn": b"" for number in range(30_000)}),
    "firmware/nested.zip": lambda: _nested(12),
    "firmware/encrypted.zip": _encrypted_zip,
    "firmware/promises-less.zip": lambda: _promises(10),
    "firmware/promises-more.zip": lambda: _promises(4_000_000_000),
    "firmware/up.zip": lambda: zipped({"../../etc/cron.d/x": b"x"}),
    "firmware/absolute.tar.gz": lambda: gzip.compress(tarred({"/etc/passwd": b"x"})),
    "firmware/drive.zip": lambda: zipped({"C:\\Windows\\x": b"x"}),
    "firmware/backslash.zip": lambda: zipped({"..\\x": b"x"}),
    "firmware/newline.tar.gz": lambda: gzip.compress(tarred({"a\nb": b"x"})),
    "firmware/long-name.zip": lambda: zipped({"a" * 60_000: b"x"}),
    "firmware/twice.tar.gz": lambda: gzip.compress(tarred({"a/x.sbn": b"1", "b/x.sbn": b"2"})),
    "firmware/symlink.tar.gz": partial(_entry, tarfile.SYMTYPE),
    "firmware/hard-link.tar.gz": partial(_entry, tarfile.LNKTYPE),
    "firmware/device.tar.gz": partial(_entry, tarfile.CHRTYPE),
    "firmware/fifo.tar.gz": partial(_entry, tarfile.FIFOTYPE),
    "firmware/symlink.zip": _zip_link,
    "firmware/up-inside.cop.sgn": lambda: cop({"../../../x": b"x"}),
    "firmware/cut.cop.sgn": lambda: cop(bundle_42())[:-200],
    "firmware/cut.tar.gz": lambda: gzip.compress(tarred(bundle_42()))[:-40],
    "firmware/cut.zip": lambda: zipped(bundle_42())[:-30],
    "firmware/signature-only.cop.sgn": lambda: signed("x.cop.sgn", b""),
    "firmware/no-list.zip": lambda: zipped({"apps42.9-4-2ES26.sbn": b"x"}),
    "firmware/file-missing.zip": lambda: zipped(_without("dsp42")),
    "firmware/file-empty.zip": lambda: zipped(
        {name: b"" if name.startswith("dsp42") else data for name, data in bundle_42().items()}
    ),
    "assets/bomb.zip": lambda: zipped({"ring.wav": bytes(600 * _MIB)}),
    "assets/up.zip": lambda: zipped({"../ring.wav": b"RIFF"}),
    **dict(_cut_lists()),
}


def write(name: str, folder: Path) -> Path:
    """Put a made input into ``folder``."""
    path = folder / Path(name).name
    path.write_bytes(MADE[name]())
    return path
