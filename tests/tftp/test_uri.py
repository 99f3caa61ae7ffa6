"""RFC 3617: TFTP URIs."""

import pytest

from ringfence.tftp.errors import BadUri
from ringfence.tftp.uri import TftpUri, parse


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (
            "tftp://example.com/myconfigurationfile;mode=netascii",
            TftpUri("example.com", "myconfigurationfile", 69, "netascii"),
        ),
        ("tftp://example.com/mystartupfile", TftpUri("example.com", "mystartupfile")),
        ("TFTP://192.0.2.1:6969/a/b.xml;MODE=OcTeT", TftpUri("192.0.2.1", "a/b.xml", 6969)),
        ("tftp://[2001:db8::1]/f", TftpUri("2001:db8::1", "f")),
        ("tftp://[::1]:70/f", TftpUri("::1", "f", 70)),
        ("tftp://h/two%20words%3B%25", TftpUri("h", "two words;%")),
        ("tftp://h//rooted", TftpUri("h", "/rooted")),
        ("tftp://h/caf%E9", TftpUri("h", "caf\udce9")),
    ],
)
def test_what_a_uri_names(text: str, uri: TftpUri) -> None:
    assert parse(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h/f",
        "http://h/f",
        "tftp://h",
        "tftp://h/",
        "tftp:///f",
        "tftp://h:0/f",
        "tftp://h:65536/f",
        "tftp://h:x/f",
        "tftp://h/f;mode=mail",
        "tftp://h/f;mode=octet;mode=octet",
        "tftp://h/f?x",
        "tftp://u@h/f",
        "tftp://::1/f",
        "tftp://h/a%00b",
    ],
)
def test_what_is_no_tftp_uri_is_told_with_its_form(text: str) -> None:
    with pytest.raises(BadUri) as caught:
        parse(text)
    assert "tftp://HOST/PATH" in caught.value.to_do
