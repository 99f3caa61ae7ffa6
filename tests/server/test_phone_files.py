"""What phones trip over in a folder is pointed out."""

import pytest

from ringfence.server.standalone.phone_files import trouble_with


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("SEP001122aabbcc.cnf.xml", b"<device/>", "phones ask for SEP001122AABBCC.cnf.xml"),
        ("sub/sep001122AABBCC.cnf.xml", b"<device/>", "phones ask for SEP001122AABBCC.cnf.xml"),
        ("CTLSEP001122aabbcc.tlv", b"", "phones ask for CTLSEP001122AABBCC.tlv"),
        ("SEP001122AABBCC.cnf.XML", b"<device/>", "phones ask for SEP001122AABBCC.cnf.xml"),
        ("SEP001122AABBCC.cnf.xml", b"<device>\n<a></b>\n</device>", "line 2, mismatched tag"),
        ("SEP001122AABBCC.cnf.xml", b"", "no element found"),
        ("SEP001122AABBCC.cnf.xml", b"<device/><device/>", "junk after document element"),
        ("OS79XX.TXT", b"P003-08-12-00\n", "write the name and nothing else"),
        ("OS79XX.TXT", b"P003-08-12-00 ", "write the name and nothing else"),
    ],
)
def test_what_phones_trip_over_is_said(name: str, content: bytes, words: str) -> None:
    assert words in (trouble_with(name, len(content), lambda at, size: content[at : at + size]) or "nothing")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("SEP001122AABBCC.cnf.xml", b"<device xsi:type='axl:XIPPhone'><!-- a -- b --></device>"),
        ("SEP001122AABBCC.cnf.xml", "<device>Zürich</device>".encode("latin-1")),
        ("SEP001122AABBCC.cnf.xml.sgn", b"\1\0"),
        ("spa001122aabbcc.cfg", b"plain"),
        ("SEP001122AABBCC.tlv", b"\1"),
        ("OS79XX.TXT", b"P003-08-12-00"),
        ("jar11sip.9-4-2.sbn", b"\0"),
        ("XMLDefault.cnf.xml", b"<a>"),
    ],
)
def test_what_phones_take_is_left_alone(name: str, content: bytes) -> None:
    assert trouble_with(name, len(content), lambda at, size: content[at : at + size]) is None
