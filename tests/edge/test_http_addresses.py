import pytest

from ringfence.edge.errors import BadAddress
from ringfence.edge.process.addresses import http_addresses


@pytest.mark.parametrize(
    ("texts", "listen", "expected"),
    [
        ([], [("0.0.0.0", 69), ("::", 69)], [("0.0.0.0", 6970), ("::", 6970)]),  # noqa: S104 - what an edge listens on
        ([], [("127.0.0.1", 6969)], []),
        (["off"], [("192.168.1.2", 69)], []),
        (["[::1]:8000"], [("192.168.1.2", 69)], [("::1", 8000)]),
    ],
)
def test_http_is_where_phones_ask_for_it_unless_it_is_said(
    texts: list[str], listen: list[tuple[str, int]], expected: list[tuple[str, int]]
) -> None:
    assert http_addresses(texts, listen) == expected


def test_off_beside_an_address_is_refused() -> None:
    with pytest.raises(BadAddress):
        http_addresses(["off", "127.0.0.1:1"], [])
