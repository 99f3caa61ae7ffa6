"""``ringfence vpn``, against a hub and a head end that is a small TLS server."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ringfence.identity.certificates import fingerprint
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.svc_server import svc_server
from support.vpn_certificates import head_end_certificate, head_end_pem

MAC = "00:1B:54:C2:9A:61"


@contextlib.contextmanager
def showing(number: int) -> Iterator[str]:
    """A head end that shows a certificate; yields its address."""
    with svc_server(head_end_certificate(number, "127.0.0.1")) as made:
        yield made.address


def of(hub: RunningHub) -> CommandLine:
    return CommandLine(
        {
            "RINGFENCE_HUB": hub.people_url,
            "RINGFENCE_TOKEN": hub.token.reveal(),
            "RINGFENCE_CA": str(hub.folder.authority_certificate),
        }
    )


def wrong(ringfence: CommandLine, *words: str) -> str:
    """What a check says that finds something wrong."""
    ended = ringfence.run(*words)
    assert ended.status == 1, ended
    assert "BAD " in ended.out
    return ended.out


def test_a_head_end_from_its_first_certificate_to_its_second(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence, files = of(own_hub), tmp_path / "ocserv"
    ringfence("site", "add", "anna")
    ringfence("phone", "add", MAC, "--site", "anna", "--model", "8851")
    ringfence("line", "set", MAC, "1", "--name", "201", stdin="s3cret-of-anna\n")
    said = ringfence(
        "vpn", "init", "berlin", "--address", "127.0.0.1", "--login", "name-and-password", "--route", "192.0.2.0/24"
    )
    assert "ringfence vpn announce berlin FILE" in said
    pem = tmp_path / "first.pem"
    pem.write_text(head_end_pem(1, "127.0.0.1"))
    assert "is in use" in ringfence("vpn", "announce", "berlin", str(pem))
    ringfence("set", "phone", MAC, "vpn=berlin")
    ringfence("publish")
    (row,) = ringfence.ask("vpn", "list")
    assert (row["name"], row["phones"], row["missing"]) == ("berlin", 1, 1)
    made = ringfence.ask("vpn", "password", "berlin", MAC)
    said = ringfence("vpn", "export", str(files), "berlin")
    assert "The key of the certificate has to be there as server-" in said
    assert (files / "ocpasswd").read_text().startswith(f"{made['user']}:*:$2b$")
    assert (files / "ringfence-connect").stat().st_mode & 0o111
    assert "--replace" in ringfence.refused(5, "vpn", "export", str(files), "berlin")
    assert "1.2 or newer" in ringfence("vpn", "export", str(files), "berlin", "--for-ocserv", "1.1", "--replace")

    (files / "users").unlink()
    with showing(1) as address:
        with ringfence.started(
            "vpn", "follow", str(files), "berlin", "--at", address, "--occtl-socket", str(tmp_path / "none")
        ) as following:
            assert following.stdout is not None
            assert "1 may come in; written: users" in following.stdout.readline()
            assert (files / "users").read_text() == f"{made['user']}\n"
        assert "shows the certificate in use" in ringfence("vpn", "check", "berlin", address)
        pem.write_text(head_end_pem(2, "127.0.0.1"))
        assert "is announced" in ringfence("vpn", "announce", "berlin", str(pem))
        refused = ringfence.refused(5, "vpn", "switch", "berlin", "--yes")
        assert MAC in refused
        assert "--leave-behind" in refused
        (phone,) = ringfence.ask("vpn", "phones", "berlin", "--missing")
        assert (phone["mac"], phone["has_password"]) == (MAC, True)
        ringfence("vpn", "switch", "berlin", "--leave-behind", "--yes")
        assert "shows the certificate of before" in wrong(ringfence, "vpn", "check", "berlin", address)
    with showing(2) as address:
        found = ringfence.ask("vpn", "check", "berlin", address)
        assert found["ok"]
        states = {each["fingerprint"]: each["state"] for each in found["head_end"]["certificates"]}
        first, second = (fingerprint(head_end_certificate(each, "127.0.0.1")[1]) for each in (1, 2))
        assert states == {first: "retired", second: "in-use"}
    with showing(3) as address:
        assert "never announced" in wrong(ringfence, "vpn", "check", "berlin", address)
    assert "nothing answers there" in wrong(ringfence, "vpn", "check", "berlin", "127.0.0.1:9")
    assert "127.0.0.1" in ringfence("vpn", "show", "berlin")


def test_a_key_that_is_made_at_the_head_end_stays_there(own_hub: RunningHub, tmp_path: Path) -> None:
    ringfence = of(own_hub)
    ringfence("vpn", "init", "koeln", "--address", "vpn.example.org")
    row = ringfence.ask("vpn", "announce", "koeln", "--make", str(tmp_path))
    key = tmp_path / f"server-{row['fingerprint'][:16]}.key"
    assert "PRIVATE KEY" in key.read_text()
    assert key.stat().st_mode & 0o077 == 0
    assert "FILE, or --make" in ringfence.refused(3, "vpn", "announce", "koeln")
    ringfence("vpn", "announce", "koeln", "--make", str(tmp_path))
    assert "is withdrawn" in ringfence("vpn", "withdraw", "koeln", "--yes")
    assert "changed" in ringfence("vpn", "change", "koeln", "--address", "vpn.example.org:8443")
    assert "removed" in ringfence("vpn", "remove", "koeln", "--yes")
    assert ringfence.ask("vpn", "list") == []
