"""What devices say of themselves on the wire: read where it is whole, and refused, never worse, where it is not."""

import struct
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringfence.guard.announcements import (
    LONGEST_FRAME,
    LONGEST_TEXT,
    MOST_ADDRESSES,
    Announcement,
    read_frame,
)
from ringfence.guard.errors import BadAnnouncement
from ringfence.phones.mac import Mac
from ringfence.sim.announcing import cdp_checksum, cdp_frame, lldp_frame

ANNA = Mac("001122334455")
NAME = "SEP001122334455"
LOAD = "sip9971.9-4-2SR4-1"
CDP = cdp_frame(ANNA, addresses=["192.0.2.9", "fd00::9"], vlan=20)
LLDP = lldp_frame(ANNA, addresses=["192.0.2.9", "fd00::9"], vlan=20, serial="FCH1234ABCD")
TAG = bytes.fromhex("81000014")


def resummed(frame: bytes) -> bytes:
    """The CDP frame with the checksum that its bytes want, and the length too."""
    body = frame[22:24] + b"\0\0" + frame[26:]
    frame = frame[:24] + struct.pack("!H", cdp_checksum(body)) + frame[26:]
    return frame[:12] + struct.pack("!H", len(frame) - 14) + frame[14:]


def cdp_of(*fields: tuple[int, bytes], version: int = 2) -> bytes:
    body = b"".join(struct.pack("!HH", kind, 4 + len(value)) + value for kind, value in fields)
    return resummed(CDP[:22] + bytes((version, 60)) + b"\0\0" + body)


def lldp_of(*fields: tuple[int, bytes]) -> bytes:
    return LLDP[:14] + b"".join(struct.pack("!H", kind << 9 | len(value)) + value for kind, value in fields)


MANDATORY = ((1, b"\x04" + bytes.fromhex("001122334455")), (2, b"\x07Port 1"), (3, b"\0\x78"))


def read(frame: bytes) -> Announcement:
    announcement = read_frame(frame)
    assert announcement is not None
    return announcement


def test_a_phone_announces_itself_by_cdp() -> None:
    assert read(CDP) == Announcement(
        "cdp", ANNA, NAME, "Cisco IP Phone 9971", "Port 1", ("192.0.2.9", "fd00::9"), 180, LOAD, 20
    )


def test_a_phone_announces_itself_by_lldp() -> None:
    assert read(LLDP) == Announcement(
        "lldp", ANNA, NAME, "CP-9971", "00:11:22:33:44:55", ("192.0.2.9", "fd00::9"), 180, LOAD, 20, "FCH1234ABCD"
    )


@pytest.mark.parametrize("frame", [CDP, LLDP])
@pytest.mark.parametrize("tags", [TAG, bytes.fromhex("88a80064") + TAG])
def test_a_frame_with_vlan_tags_says_the_same(frame: bytes, tags: bytes) -> None:
    assert read(frame[:12] + tags + frame[12:]) == read(frame)


def test_a_phone_without_an_address_says_none() -> None:
    assert [read(make(ANNA)).addresses for make in (cdp_frame, lldp_frame)] == [(), ()]


def test_version_1_is_read_too_and_no_other() -> None:
    assert read(cdp_frame(ANNA, cdp_version=1)).device == NAME
    for version in (0, 3, 255):
        with pytest.raises(BadAnnouncement, match="neither 1 nor 2"):
            read_frame(cdp_of((1, b"SEP"), version=version))


@pytest.mark.parametrize("text", ["", "a", "ab", "\xe9", "abc\x80", "\x7f"])
def test_an_odd_last_octet_may_be_summed_as_cisco_does_or_as_the_rfc_says(text: str) -> None:
    frame = cdp_of((1, b"SEP"), (5, text.encode("latin-1")))
    assert read(frame).device == "SEP"
    body = frame[22:24] + b"\0\0" + frame[26:]
    padded = body + bytes(len(body) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    by_rfc = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    assert read(frame[:24] + struct.pack("!H", by_rfc) + frame[26:]).device == "SEP"


@pytest.mark.parametrize("place", range(22, len(CDP)))
def test_one_wrong_octet_of_a_cdp_frame_makes_all_of_it_wrong(place: int) -> None:
    with pytest.raises(BadAnnouncement):
        read_frame(CDP[:place] + bytes((CDP[place] ^ 0x55,)) + CDP[place + 1 :])


def test_the_voice_vlan_goes_before_the_native_one() -> None:
    assert read(cdp_of((1, b"SEP"), (0x0A, b"\0\x07"), (0x0E, b"\1\0\x14"))).vlan == 20
    assert read(cdp_of((1, b"SEP"), (0x0A, b"\0\x07"))).vlan == 7
    policy, port = b"\0\x12\xbb\x02\x01\x40\x28\x00", b"\0\x80\xc2\x01\0\x07"
    assert read(lldp_of(*MANDATORY, (127, port), (127, policy))).vlan == 20
    assert read(lldp_of(*MANDATORY, (127, port))).vlan == 7


@pytest.mark.parametrize(
    "policy",
    [b"\x01\xc0\x28\x00", b"\x01\x00\x28\x00", b"\x06\x40\x28\x00", b"\x01\x40", b"\x01\x40\x00\x00", b""],
    ids=["unknown", "untagged", "video", "cut", "priority only", "empty"],
)
def test_a_policy_that_names_no_voice_vlan_gives_none(policy: bytes) -> None:
    assert read(lldp_of(*MANDATORY, (127, b"\0\x12\xbb\x02" + policy))).vlan is None


def test_an_lldp_device_without_a_name_is_known_by_its_chassis() -> None:
    assert read(lldp_of(*MANDATORY)).device == "00:11:22:33:44:55"
    assert read(lldp_of((1, b"\x05\x01\xc0\0\x02\x09"), *MANDATORY[1:])).device == "192.0.2.9"
    assert read(lldp_of((1, b"\x07box 7"), *MANDATORY[1:])).device == "box 7"


def test_a_device_that_leaves_says_that_it_holds_for_no_time() -> None:
    assert read(lldp_of(*MANDATORY[:2], (3, b"\0\0"), (0, b""))).ttl_s == 0


def test_the_description_is_the_platform_where_there_is_no_inventory() -> None:
    assert read(lldp_of(*MANDATORY, (6, b"Cisco IP Phone 9971, V9"))).platform == "Cisco IP Phone 9971, V9"


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        CDP[:13],
        CDP[:12] + b"\x08\0" + CDP[14:],  # IPv4
        CDP.replace(bytes.fromhex("0c2000"), bytes.fromhex("0c2003")),  # VTP goes to the same address
        b"\xff" * 6 + CDP[6:],
        bytes(1600),
    ],
)
def test_a_frame_of_another_protocol_announces_nothing(frame: bytes) -> None:
    assert read_frame(frame) is None


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (CDP[:60], "cut"),
        (CDP[:12] + b"\0\4" + CDP[14:], "cut"),
        (cdp_of((5, b"x")), "names no device"),
        (cdp_of((1, b"\0\n ")), "names no device"),
        (resummed(cdp_of((1, b"SEP")) + b"\0\5\0"), "beyond its end"),
        (resummed(cdp_of((1, b"SEP")) + b"\0\5\0\3"), "beyond its end"),
        (cdp_of((1, b"SEP"), (2, b"\0\0\0\1\1\1\xcc\0\4\1")), "beyond its end"),
        (cdp_of((1, b"SEP"), (2, b"\xff\xff\xff\xff")), "beyond its end"),
        (lldp_of(*MANDATORY[:2]), "first fields"),
        (lldp_of(MANDATORY[1], MANDATORY[0], MANDATORY[2]), "first fields"),
        (lldp_of((1, b"\4"), *MANDATORY[1:]), "too short"),
        (lldp_of(*MANDATORY[:2], (3, b"\1")), "too short"),
        (lldp_of(*MANDATORY)[:-1], "beyond its end"),
        (lldp_of(*MANDATORY, (8, b"\x07\1\2")), "beyond its end"),
        (lldp_of(*MANDATORY, (8, b"")), "beyond its end"),
        (CDP[:6] + b"\1" + CDP[7:], "no device can have"),
        (LLDP[:6] + bytes(6) + LLDP[12:], "no device can have"),
        (lldp_of(*MANDATORY) + bytes(LONGEST_FRAME), "too long"),
    ],
)
def test_what_is_not_whole_is_refused_and_the_error_says_why(frame: bytes, why: str) -> None:
    with pytest.raises(BadAnnouncement, match=why):
        read_frame(frame)


def test_what_an_announcement_gives_is_bounded_and_printable() -> None:
    many = b"".join(b"\1\1\xcc\0\4" + struct.pack("!I", 0xC0000200 + number) for number in range(50))
    told = read(cdp_of((1, b"SEP\x1b[2J\n"), (5, b"v" * 600), (2, struct.pack("!I", 50) + many)))
    assert (told.device, len(told.version), len(told.addresses)) == ("SEP [2J", LONGEST_TEXT, MOST_ADDRESSES)


FRAMES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda body: resummed(CDP[:22] + b"\2\x3c\0\0" + body)),
    st.lists(st.tuples(st.sampled_from([1, 2, 3, 5, 6, 10, 14, 22]), st.binary(max_size=40)), max_size=8).map(
        lambda fields: cdp_of(*fields)
    ),
    st.binary(max_size=200).map(lambda body: LLDP[:14] + body),
    st.lists(st.tuples(st.sampled_from([4, 5, 6, 7, 8, 127]), st.binary(max_size=40)), max_size=8).map(
        lambda fields: lldp_of(*MANDATORY, *fields)
    ),
    st.lists(st.tuples(st.integers(0, 11), st.binary(max_size=40)), max_size=8).map(
        lambda fields: lldp_of(*MANDATORY, *((127, b"\0\x12\xbb" + bytes((kind,)) + value) for kind, value in fields))
    ),
    st.tuples(st.sampled_from([CDP, LLDP]), st.integers(0, 300), st.binary(max_size=4)).map(
        lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + len(made[2]) :]
    ),
)


@given(FRAMES)
@example(CDP)
@example(LLDP)
def test_any_frame_is_read_or_refused(frame: bytes) -> None:
    try:
        told = read_frame(frame)
    except BadAnnouncement:
        return
    if told is not None:
        assert len(told.addresses) <= MOST_ADDRESSES
        for text in (told.device, told.platform, told.port, told.version, told.serial):
            assert len(text) <= LONGEST_TEXT
            assert text.isprintable()
        assert told.device or told.protocol == "lldp"


@given(
    st.text("abc-P é", min_size=1, max_size=30).map(str.strip).filter(bool), st.integers(1, 4094), st.integers(0, 255)
)
def test_what_a_phone_says_is_what_is_read(name: str, vlan: int, ttl_s: int) -> None:
    for make in (cdp_frame, lldp_frame):
        told = read(make(ANNA, device=name, vlan=vlan, ttl_s=ttl_s))
        assert (told.device, told.vlan, told.ttl_s, told.mac) == (name, vlan, ttl_s, ANNA)


def as_pcap(frames: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", 0, 0, len(one), len(one)) + one for one in frames)


def by_tshark(frames: list[bytes], *fields: str) -> list[list[str]]:
    """What tshark reads in each frame: a field's first value."""
    command = ["tshark", "-n", "-r", "-", "-T", "fields", "-E", "occurrence=f"]
    for field in ("cdp.checksum.status", "_ws.malformed", *fields):
        command += ["-e", field]
    shown = subprocess.run(command, input=as_pcap(frames), capture_output=True, check=True)
    return [line.split("\t") for line in shown.stdout.decode().splitlines()]


SOUND = "1"


@pytest.mark.slow
@pytest.mark.needs("tshark")
def test_tshark_reads_in_our_cdp_frames_what_we_do() -> None:
    frames = [
        cdp_frame(
            ANNA, device="SEP" + "x" * number, addresses=["192.0.2.9"], vlan=20, ttl_s=number, version="v" * number
        )
        for number in range(1, 40)
    ]
    frames += [cdp_of((1, b"SEP"), (5, b"odd\xe9"))]
    read_by_it = by_tshark(frames, "cdp.deviceid", "cdp.platform", "cdp.portid", "cdp.nrgyz.ip_address", "cdp.ttl")
    for frame, (sum_status, malformed, device, platform, port, address, ttl) in zip(frames, read_by_it, strict=True):
        told = read(frame)
        assert (sum_status, malformed) == (SOUND, "")
        assert (device, platform, port, ttl) == (told.device, told.platform, told.port, str(told.ttl_s))
        assert address == next(iter(told.addresses), "")


@pytest.mark.slow
@pytest.mark.needs("tshark")
def test_tshark_reads_in_our_lldp_frames_what_we_do() -> None:
    fields = (
        "lldp.tlv.system.name", "lldp.media.model", "lldp.media.sn", "lldp.media.software", "lldp.mgn.addr.ip4",
        "lldp.media.vlan_id", "lldp.time_to_live",
    )  # fmt: skip
    for serial in ("FCH1234ABCD", "FCH1234ABCE"):
        frame = lldp_frame(ANNA, addresses=["192.0.2.9"], vlan=20, serial=serial)
        told = read(frame)
        assert by_tshark([frame], *fields) == [
            ["", "", told.device, told.platform, told.serial, told.version, *told.addresses, "20", "180"]
        ]
