"""``ringfence port-authority``."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.identity.certificates import make_authority, to_pem
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_ca_is_added_listed_and_removed(hub: RunningHub, ringfence: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_text(to_pem(make_authority(key, "Maker of phones", serial=7, now=hub.clock())))
    added = ringfence.ask("port-authority", "add", str(file))
    assert added["subject"] == "CN=Maker of phones"
    ringfence.refused(5, "port-authority", "add", str(file))
    assert added["id"] in ringfence("port-authority", "list")
    ringfence.refused(3, "port-authority", "remove", added["id"])
    assert ringfence("port-authority", "remove", added["id"], "--yes") == f"CA {added['id']} removed.\n"
    assert "No CAs yet" in ringfence("port-authority", "list")
    ringfence.refused(4, "port-authority", "remove", added["id"], "--yes")


def test_a_file_that_is_not_there_is_named(ringfence: CommandLine, tmp_path: Path) -> None:
    ended = ringfence.run("port-authority", "add", str(tmp_path / "nothing.pem"))
    assert ended.status == 2
    assert "nothing.pem: No such file or directory" in ended.err
