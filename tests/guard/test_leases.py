"""Who got which address: the lease files of three DHCP servers, and whatever else is in a file of that name."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.guard.leases import (
    LONGEST_TEXT,
    Lease,
    examine_leases,
    read_leases,
)

NOW, LATER = 1_700_000_000.0, 1_700_000_600.0
ANNA, BERT = "001122334455", "001122334466"

DNSMASQ = b"""1700000600 00:11:22:33:44:55 192.0.2.9 SEP001122334455 01:00:11:22:33:44:55
0 00:11:22:33:44:66 192.0.2.10 * *
1699999999 00:11:22:33:44:77 192.0.2.11 gone *
1700000600 20-00:11:22:33:44:88 192.0.2.12 infiniband *
duid 00:01:00:01:2b:5a:00:00:02:42:ac:11:00:02
1700000600 1234 fd00::9 SEP001122334455 00:01:00:01
"""

DHCPD = rb"""# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;

server-duid "\000\001\000\001*\000";

lease 192.0.2.9 {
  starts 2 2023/11/14 22:00:00;
  ends 2 2023/11/14 22:03:20;
  binding state active;
  hardware ethernet 00:11:22:33:44:99;
}
lease 192.0.2.9 {
  starts 2 2023/11/14 22:13:20;
  ends 2 2023/11/14 22:23:20;
  tstp 2 2023/11/14 22:23:20;
  cltt 2 2023/11/14 22:13:20;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 00:11:22:33:44:55;
  uid "\001\000\021\"3DU";
  set vendor-class-identifier = "Cisco Systems, Inc. IP Phone CP-9971";
  client-hostname "SEP001122334455";
  on expiry {
    hardware ethernet 00:00:00:00:00:01;
  }
}
lease 192.0.2.10 {
  ends never;
  binding state active;
  hardware ethernet 00:11:22:33:44:66;
  client-hostname "B\303\251 \"x\"; {";
}
lease 192.0.2.11 {
  ends epoch 1700000600; # Tue Nov 14 22:23:20 2023
  binding state free;
  hardware ethernet 00:11:22:33:44:77;
}
lease 192.0.2.12 {
  ends epoch 1700000600; # Tue Nov 14 22:23:20 2023
  binding state active;
  hardware ethernet 00:11:22:33:44:88;
}
failover peer "other" state {
  my state normal at 2 2023/11/14 22:13:20;
}
"""

KEA = b"""address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
192.0.2.9,00:11:22:33:44:99,,600,1700000000,1,0,0,,0,,0
192.0.2.9,00:11:22:33:44:55,01:00:11:22:33:44:55,600,1700000600,1,0,0,sep&#x2c001122334455,0,,0
192.0.2.10,00:11:22:33:44:66,,4294967295,5994967295,1,0,0,,0,,0
192.0.2.11,00:11:22:33:44:77,,600,1700000600,1,0,0,,0,,0
192.0.2.11,00:11:22:33:44:77,,0,1700000000,1,0,0,,0,,0
192.0.2.12,,,86400,1700000600,1,0,0,,1,,0
192.0.2.13,00:11:22:33:44:88,,600,1700000600,1,0,0,,2,,0
"""


def test_dnsmasqs_leases_are_read() -> None:
    assert read_leases(DNSMASQ, NOW) == (
        Lease("192.0.2.9", ANNA, LATER, "SEP001122334455"),
        Lease("192.0.2.10", BERT, inf),
    )
    assert examine_leases(DNSMASQ).skipped == 0


def test_dhcpds_leases_are_read() -> None:
    assert read_leases(DHCPD, NOW) == (
        Lease("192.0.2.9", ANNA, LATER, "SEP001122334455", "Cisco Systems, Inc. IP Phone CP-9971"),
        Lease("192.0.2.10", BERT, inf, 'B\xc3\xa9 "x"; {'),
        Lease("192.0.2.12", "001122334488", LATER),
    )
    assert examine_leases(DHCPD).skipped == 0


def test_keas_leases_are_read() -> None:
    assert read_leases(KEA, NOW) == (
        Lease("192.0.2.9", ANNA, LATER, "sep,001122334455"),
        Lease("192.0.2.10", BERT, inf),
    )
    assert examine_leases(KEA).skipped == 0


@pytest.mark.parametrize("data", [DNSMASQ, DHCPD, KEA])
def test_a_lease_ends_at_its_time(data: bytes) -> None:
    def has_it(now: float) -> bool:
        return "192.0.2.9" in {lease.address for lease in read_leases(data, now)}

    assert (has_it(LATER - 0.1), has_it(LATER)) == (True, False)


@pytest.mark.parametrize("data", [DNSMASQ, DHCPD, KEA])
def test_a_file_that_is_cut_anywhere_gives_no_lease_that_the_whole_has_not(data: bytes) -> None:
    once_true = {
        lease for end in range(len(data) + 1) if data[end - 1 : end] == b"\n" for lease in read_leases(data[:end], 0)
    }
    for end in range(len(data)):
        read = examine_leases(data[:end])
        assert set(read.leases) <= once_true
        assert read.is_cut is (end > 0 and data[end - 1 : end] != b"\n")


def test_a_cut_address_is_not_believed() -> None:
    line = b"1700000600 00:11:22:33:44:55 192.0.2.123 *"
    assert read_leases(line, NOW) == ()
    assert read_leases(line + b" *\n", NOW) == (Lease("192.0.2.123", ANNA, LATER),)


@pytest.mark.parametrize(
    ("data", "bad"),
    [
        (DNSMASQ, b"1700000600 00:11:22:33:44:5 192.0.2.20 * *\n"),
        (DNSMASQ, b"1700000600 00:11:22:33:44:55 192.0.2.256 * *\n"),
        (DNSMASQ, b"-5 00:11:22:33:44:55 192.0.2.20 * *\n"),
        (DNSMASQ, "\u0661\u0667 00:11:22:33:44:55 192.0.2.20 * *\n".encode()),
        (DNSMASQ, b"1700000600 00:11:22:33:44:55\n"),
        (DNSMASQ, b"1700000600 00:11:22:33:44:55 192.0.2.20 " + b"x" * 5000 + b" *\n"),
        (DNSMASQ, b"\xff\xfe\0\n"),
        (DHCPD, b"lease 192.0.2.20 {\n  ends 2 2023/13/14 22:23:20;\n  hardware ethernet 00:11:22:33:44:55;\n}\n"),
        (DHCPD, b"lease 192.0.2.20 {\n  ends soon;\n  hardware ethernet 00:11:22:33:44:55;\n}\n"),
        (DHCPD, b"lease x {\n  ends never;\n  hardware ethernet 00:11:22:33:44:55;\n}\n"),
        (DHCPD, b"lease 192.0.2.20 {\n  ends never;\n}\n"),
        (DHCPD, b"lease 192.0.2.20 {\n  ends never;\n  hardware ethernet 00:11:22:33:44:55;\n"),
        (DHCPD, b"no statement\n"),
        (KEA, b"192.0.2.20,00:11:22:33:44:55,,600,1700000600,1,0,0\n"),
        (KEA, b"192.0.2.20,00:11:22:33:44:55,,600,soon,1,0,0,,0,,0\n"),
        (KEA, b"192.0.2.20,001122334455,,600,1700000600,1,0,0,,0,,0\n"),
        (KEA, b"x,00:11:22:33:44:55,,600,1700000600,1,0,0,,0,,0\n"),
    ],
)
def test_a_bad_line_is_skipped_and_counted_and_the_others_count(data: bytes, bad: bytes) -> None:
    read = examine_leases(data + bad)
    assert (read.leases, read.skipped) == (examine_leases(data).leases, 1)


def test_a_block_that_a_crash_left_open_costs_itself_alone() -> None:
    read = examine_leases(b"lease 192.0.2.20 {\n  ends never;\n" + DHCPD)
    assert (read.leases, read.skipped) == (examine_leases(DHCPD).leases, 1)


def test_an_abandoned_address_is_nobodys() -> None:
    taken_back = DHCPD + b"lease 192.0.2.10 {\n  ends never;\n  binding state abandoned;\n}\n"
    assert "192.0.2.10" not in {lease.address for lease in read_leases(taken_back, NOW)}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\0" * 100, b"hello\nthere\n", b"address,\n", b"}\n}\n", b"{\n{\n"])
def test_what_is_no_lease_file_holds_no_lease(data: bytes) -> None:
    assert read_leases(data, NOW) == ()


PIECES = st.sampled_from([
    *DNSMASQ.splitlines(keepends=True), *DHCPD.splitlines(keepends=True), *KEA.splitlines(keepends=True), b"}\n", b"\n",
    b'  client-hostname "\\";\n', b"lease {\n", b"set = ;\n", b'";\n', b",,,,,,,,,,,\n", b"\xff\n", b"duid\n",
])  # fmt: skip


@given(
    st.one_of(st.binary(max_size=300), st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=30).map(b"".join))
)
def test_any_bytes_are_read(data: bytes) -> None:
    read = examine_leases(data)
    assert read.skipped <= data.count(b"\n") + 1
    for lease in read.leases:
        assert len(lease.mac) == 12
        assert len(lease.hostname) <= LONGEST_TEXT
        assert lease.hostname.isprintable()
        assert lease.vendor_class.isprintable()
