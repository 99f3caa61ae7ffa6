import pytest

from ringfence.hub.source_address import one_caller


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_one_caller_can_send_from_is_one_address(address: str, caller: str) -> None:
    assert one_caller(address) == caller
