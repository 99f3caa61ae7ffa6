"""A real slapd on loopback with a few people in it, over ldap with StartTLS and over ldaps."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.data.authority import new_authority
from ringfence.identity.certificates import key_to_pem, to_pem
from stack import free_port

BASE = "ou=people,dc=example,dc=org"
USER, PASSWORD = "cn=reader,dc=example,dc=org", "Reader's-Secret-17"
_PASSWORD_LINE = f"userPassword: {PASSWORD}\n"
_STARTS_WITHIN_S = 180.0


@dataclass
class Slapd:
    port: int
    tls_port: int
    authority_pem: str
    process: "subprocess.Popen[bytes]"


def is_there() -> bool:
    return program() is not None


def program() -> str | None:
    return shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin")


def _ldif(people: Sequence[tuple[str, str]]) -> str:
    entries = [
        "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n",
        f"dn: {USER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
        + _PASSWORD_LINE,
        f"dn: {BASE}\nobjectClass: organizationalUnit\nou: people\n",
    ]
    for number, (name, telephone) in enumerate(people):
        told = f"telephoneNumber: {telephone}\n" if telephone else ""
        entries.append(
            f"dn: uid=p{number},{BASE}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: {name}\nsn: {name}\n{told}"
        )
    return "\n".join(entries)


@contextmanager
def running_slapd(folder: Path, people: Sequence[tuple[str, str]]) -> Iterator[Slapd]:
    """Run slapd; only ``USER`` may read, and a search gets at most 100 entries that is not paged."""
    path = program()
    assert path is not None
    authority, key = new_authority("Directory", time.time()), ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue_server(key.public_key(), ("127.0.0.1",), time.time())
    for name, data in (("ca", authority.pem), ("cert", to_pem(certificate)), ("key", key_to_pem(key).decode())):
        (folder / f"{name}.pem").write_text(data)
    (folder / "db").mkdir()
    (folder / "slapd.conf").write_text(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n"
        "include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        f"pidfile {folder}/pid\nTLSCACertificateFile {folder}/ca.pem\nTLSCertificateFile {folder}/cert.pem\n"
        f"TLSCertificateKeyFile {folder}/key.pem\nsizelimit size.soft=100 size.hard=100 size.prtotal=unlimited\n"
        f'database mdb\nsuffix "dc=example,dc=org"\ndirectory {folder}/db\n'
        f'access to attrs=userPassword by anonymous auth\naccess to * by dn.exact="{USER}" read\n'
    )
    (folder / "people.ldif").write_text(_ldif(people), encoding="utf-8")
    add = [path, "-T", "add", "-f", str(folder / "slapd.conf"), "-l", str(folder / "people.ldif")]
    subprocess.run(add, check=True, capture_output=True, timeout=_STARTS_WITHIN_S)
    port, tls_port = free_port(), free_port()
    urls = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
    log = (folder / "log").open("wb")
    with log, subprocess.Popen([path, "-d", "0", "-f", str(folder / "slapd.conf"), "-h", urls], stderr=log) as process:
        try:
            _wait_for(port)
            _wait_for(tls_port)
            yield Slapd(port, tls_port, authority.pem, process)
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
