"""The catalogue: who finds what, and how long a descriptor lives."""

import os

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.files.catalogue import Catalogue, Offer
from ringfence.tftp.errors import ReadFailed


def offer(name: str, kind: TargetKind = TargetKind.SHARED, owner: str | None = None, data: bytes = b"data") -> Offer:
    fd = os.memfd_create("offer")
    os.write(fd, data)
    return Offer(name, fd, len(data), kind, owner)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_names_are_found_exactly_and_firmware_in_any_case_too() -> None:
    mac = "001122334455"
    catalogue = Catalogue(
        1,
        [
            offer(f"SEP{mac}.cnf.xml", TargetKind.CONFIGURATION, mac),
            offer("SIP8941.loads", TargetKind.FIRMWARE),
            offer("g3-tones.xml"),
        ],
    )
    assert len(catalogue) == 3
    assert catalogue.known_owners == {mac}
    assert catalogue.find(f"SEP{mac}.cnf.xml") is not None
    assert catalogue.find(f"sep{mac}.cnf.xml") is None
    assert catalogue.find("G3-TONES.XML") is None
    assert catalogue.find("sip8941.LOADS") is catalogue.find("SIP8941.loads") is not None
    catalogue.retire()


def test_an_exact_name_comes_before_one_in_another_case() -> None:
    catalogue = Catalogue(1, [offer("a.loads", TargetKind.FIRMWARE), offer("A.loads", TargetKind.FIRMWARE)])
    found = catalogue.find("A.loads")
    assert found is not None
    assert found.name == "A.loads"
    catalogue.retire()


def test_a_descriptor_lives_as_long_as_its_catalogue_or_a_transfer_needs_it() -> None:
    held, unused = offer("held"), offer("unused")
    catalogue = Catalogue(1, [held, unused])
    file = catalogue.find("held")
    assert file is not None
    file.hold()
    catalogue.retire()
    assert (is_open(held.fd), is_open(unused.fd)) == (True, False)
    assert file.read(1, 100) == b"ata"
    file.let_go()
    assert not is_open(held.fd)


def test_a_name_that_is_offered_twice_leaks_nothing() -> None:
    first, second = offer("a", data=b"1"), offer("a", data=b"2")
    catalogue = Catalogue(1, [first, second])
    assert not is_open(first.fd)
    catalogue.retire()
    assert not is_open(second.fd)


def test_a_descriptor_that_cannot_be_read_is_a_read_failed() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    catalogue = Catalogue(1, [Offer("pipe", write_end, 5, TargetKind.SHARED)])
    file = catalogue.find("pipe")
    assert file is not None
    with pytest.raises(ReadFailed):
        file.read(0, 5)
    catalogue.retire()
