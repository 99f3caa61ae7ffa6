"""Firmware bundles as makers give them out, made by hand: signed headers, lists, archives."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping


def tlv(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def signed(name: str, body: bytes, padding: int = 2) -> bytes:
    """``body`` behind a header as PHONES.md sections 5.2 and 7.1 describe it; the signature is made up."""
    signer = tlv(4, b"CN=someSigner;OU=someOrgUnit;O=someOrg\x00") + tlv(5, bytes(8)) + tlv(6, b"CN=someCA\x00")
    info = tlv(8, b"\x01") + tlv(9, tlv(10, b"\x00") + tlv(11, b"\x02"))
    rest = tlv(3, signer) + tlv(7, info) + tlv(12, bytes(256)) + tlv(14, name.encode() + b"\x00") + b"\x0d" * padding
    length = 5 + 5 + len(rest)
    return tlv(1, b"\x01\x00") + tlv(2, length.to_bytes(2, "big")) + rest + body


NAMES_42 = ("Jar42sip.9-4-2ES26.sbn", "cnu42.9-4-2ES26.sbn", "apps42.9-4-2ES26.sbn", "dsp42.9-4-2ES26.sbn",
            "cvm42sip.9-4-2ES26.sbn")  # fmt: skip
LIST_42 = "#HARDWARE_COMP_1 15\r\n" + "".join(f"{name}  \r\n" for name in NAMES_42)


def bundle_42(version: str = "9-4-2SR3-1") -> dict[str, bytes]:
    """A bundle for 7942 and 7962: the zip has the Java archive in another case than the list (PHONES.md section 7)."""
    names = [name.replace("9-4-2ES26", version) for name in NAMES_42]
    text = LIST_42.replace("9-4-2ES26", version).encode()
    files = {name.replace("Jar", "jar"): name.encode() * 50 for name in names}
    lists = (f"SIP42.{version}S.loads", "term42.default.loads", "term62.default.loads")
    return files | {name: signed(name, text) for name in lists}


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def cop(files: Mapping[str, bytes], name: str = "cmterm-7942.cop.sgn") -> bytes:
    """A Call Manager package: a signed header before a tar.gz with scripts and the files in a tar of their own."""
    inner = tarred({"install.sh": b"#!/bin/sh\n", "files.tar": tarred({f"tftp/{key}": files[key] for key in files})})
    return signed(name, gzip.compress(inner))
