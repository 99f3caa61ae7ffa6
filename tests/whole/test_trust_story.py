"""``make trust`` tells its story to the end, and the search of a stolen disk in it finds what there is."""

import base64
import gzip
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from world.stolen_disk import search

SCRIPT = Path(__file__).parents[2] / "demo" / "trust.py"
STEPS = (
    "It takes no file", "it still has another system's trust list", "they have no list",
    "finds every phone's SIP secret", "in clear, in edge/cache/blobs/", "Publishing is refused",
    "nobody has shown yet that the recovery file opens", "Now a publish works",
    "8941 offered, 9971 offered, 7965 offered, 7841 offered, 8861 offered",
    "Each believes its first list", "8941 signed, 9971 signed, 7965 signed, 7841 signed, 8861 signed",
    "withdraws the plain files", "8941 over TLSv1, 9971 over TLSv1, 7965 over TLSv1, 7841 over TLSv1.2",
    "opens its own with its own key", "8941 encrypted, 9971 encrypted, 7965 encrypted, 7841 encrypted, 8861 encrypted",
    "No file on the edge's disk has a SIP secret", "every SIP secret is changed",
    "which is off", "could not take the one after the next: 00:1B:54:C2:9A:13", "TFTP's new key", "CAPF's new key",
    "TVS's new key", "TVS vouches for it", "The recovery key is changed", "By the recovery file there is another",
    "The edge is stolen", "nothing in what it has", "No phone believes it", "no SAST key that is trusted",
    "it takes a list without keys for files", "7965 released", "takes what it finds now",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.needs("openssl")
def test_the_story_is_told_to_the_end() -> None:
    told = subprocess.run([sys.executable, SCRIPT], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert [step for step in STEPS if step not in told.stdout] == []
    assert told.stdout.endswith("Every step worked as described.\n")


SECRET = "kX9&pQ2<wZ7>Lm"
HIDDEN = {
    "clear": SECRET.encode(),
    "xml": b"kX9&amp;pQ2&lt;wZ7&gt;Lm",
    "utf-16": SECRET.encode("utf-16-be"),
    "hexadecimal": SECRET.encode().hex().upper().encode(),
    "base64 at any place": base64.b64encode(b"user=anna;password=" + SECRET.encode() + b";"),
    "base64 for urls, at another": base64.urlsafe_b64encode(b"p=" + SECRET.encode() + b"..."),
    "gzip": gzip.compress(b"<password>" + SECRET.encode() + b"</password>"),
    "zlib at its fastest": zlib.compress(b"x" * 5000 + SECRET.encode(), 1),
    "base64 in gzip in zlib": zlib.compress(gzip.compress(base64.b64encode(SECRET.encode())), 9),
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_secret_is_found_in_whatever_form_it_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "page").write_bytes(bytes(range(256)) * 40 + content + b"\0" * 999)
    (tmp_path / "other").write_bytes(bytes(range(256)) * 40)
    assert {(each.whose, each.path) for each in search(tmp_path, {"9971": SECRET})} == {
        ("9971", f"{tmp_path.name}/cache/page")
    }
    assert search(tmp_path, {"9971": "kX8&pQ2<wZ7>Lm"}) == []
