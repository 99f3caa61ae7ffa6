"""What a PBX needs to take calls by TLS from phones that go by trust lists: files for Kamailio and for Asterisk.

The certificate is that of the lists' role CCM. Where the PBX is to demand phones' certificates, Kamailio also learns
which SIP users belong to which phone. Sources: the manual of Kamailio's module tls (tls.cfg, pseudo-variables), the
sample pjsip.conf of Asterisk, and pjproject's ``sip_transport_tls.c`` for what its TLS methods mean.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ringfence.phones.errors import UnfitAccount
from ringfence.secret import Secret

CERTIFICATE, KEY, AUTHORITIES = "ringfence-pbx.pem", "ringfence-pbx.key", "ringfence-phones-ca.pem"
TABLE = "ringfence_phones"
"""Kamailio's htable, and the table that it is loaded from."""
_FOLDER = re.compile(r"(?:/[A-Za-z0-9._+-]{1,80}){1,16}")
_HEAD = "written by ringfence trust export-pbx; the next export overwrites changes made here"
_OLD_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:AES256-SHA:AES128-SHA:@SECLEVEL=0"
"""What old phones speak (OpenSSL 0.9.8: AES with SHA-1, keys by RSA), behind what others do."""
_LEAST_SIZE, _LARGEST_SIZE = 4, 20
"""Of Kamailio's hash table, as powers of two."""


class TlsPbx(StrEnum):
    """The kinds of PBX that TLS is configured for."""

    KAMAILIO = "kamailio"
    ASTERISK = "asterisk"


@dataclass(frozen=True, slots=True)
class DemandedCertificates:
    """What a PBX is to demand of phones.

    Args:
        authorities: The CAs that issue phones' certificates, in PEM.
        users: By the name in a phone's certificate: the SIP users that are the phone's.
        only_by_tls: Users of whom every phone has a certificate: no password opens them another way.
        revoked: The SHA-256 of certificates in PEM, in hexadecimal, that are accepted no more.
    """

    authorities: tuple[str, ...]
    users: Mapping[str, Sequence[str]]
    only_by_tls: frozenset[str]
    revoked: frozenset[str]


@dataclass(frozen=True, slots=True)
class PbxTls:
    """TLS of a PBX.

    Args:
        certificate: The PBX's, in PEM.
        key: Its private key, in PEM.
        folder: Where the files are at the PBX.
        takes_old: Whether to speak TLS 1.0, for phones that know no better.
        demanded: What it demands of phones; None if it takes their passwords alone.
    """

    certificate: str
    key: Secret
    folder: str
    takes_old: bool
    demanded: DemandedCertificates | None = None


def check_folder(folder: str) -> None:
    """Raise UnfitAccount unless a folder's path can stand in every PBX's configuration as it is."""
    if _FOLDER.fullmatch(folder) is None:
        raise UnfitAccount(
            f"{folder[:60]!r} can't be named in a PBX's configuration",
            to_do="Say where the files are at the PBX: --at /etc/kamailio/ringfence.",
        )


def tls_files(kind: TlsPbx, tls: PbxTls) -> dict[str, str]:
    """Return the files for a PBX by their names. One of them is the private key.

    Raises:
        UnfitAccount: The folder's path can't stand in the configuration.
    """
    check_folder(tls.folder)
    files = {CERTIFICATE: tls.certificate, KEY: tls.key.reveal()}
    if tls.demanded is not None:
        files[AUTHORITIES] = "".join(tls.demanded.authorities)
    match kind:
        case TlsPbx.KAMAILIO:
            return files | _kamailio(tls)
        case TlsPbx.ASTERISK:
            return files | _asterisk(tls)


def _kamailio(tls: PbxTls) -> dict[str, str]:
    files = {"tls.cfg": _tls_cfg(tls), "kamailio-tls.cfg": _KAMAILIO_TLS.format(head=_HEAD, folder=tls.folder)}
    if tls.demanded is not None:
        rows = _rows(tls.demanded)
        size = min(max(len(rows).bit_length(), _LEAST_SIZE), _LARGEST_SIZE)
        files["kamailio-phones.cfg"] = _KAMAILIO_PHONES.format(head=_HEAD, folder=tls.folder, table=TABLE, size=size)
        files[f"dbtext/{TABLE}"] = _as_text(rows)
        files[f"{TABLE}.sql"] = _as_sql(rows)
    return files


def _tls_cfg(tls: PbxTls) -> str:
    wanted = "yes" if tls.demanded is not None else "no"
    lines = [
        f"# {_HEAD}",
        "[server:default]",
        f"method = {'TLSv1+' if tls.takes_old else 'TLSv1.2+'}",
        *([f"cipher_list = {_OLD_CIPHERS}"] if tls.takes_old else []),
        f"certificate = {tls.folder}/{CERTIFICATE}",
        f"private_key = {tls.folder}/{KEY}",
        f"verify_certificate = {wanted}",
        f"require_certificate = {wanted}",
        *([f"ca_list = {tls.folder}/{AUTHORITIES}", "verify_depth = 1"] if tls.demanded is not None else []),
        "",
        "[client:default]",
        "method = TLSv1.2+",
        "verify_certificate = yes",
        "require_certificate = yes",
        "",
    ]
    return "\n".join(lines)


def _rows(demanded: DemandedCertificates) -> list[str]:
    """Return the keys of Kamailio's table, whose value is 1."""
    of_phones = {f"{device}::{user}" for device, users in demanded.users.items() for user in users}
    revoked = {f"revoked::{digest}" for digest in demanded.revoked}
    return sorted({*of_phones, *demanded.only_by_tls, *revoked})


def _as_text(rows: Sequence[str]) -> str:
    """Return the table as db_text has it."""
    lines = ["id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int,null)"]
    lines += [f"{number}:{row.replace(':', chr(92) + ':')}:0:0:1:0" for number, row in enumerate(rows, 1)]
    return "\n".join((*lines, ""))


def _as_sql(rows: Sequence[str]) -> str:
    """Return the table as SQL. Keys are SIP users, names of devices and digests, all checked: none has a quote."""
    values = [
        f"INSERT INTO {TABLE} (key_name, key_type, value_type, key_value, expires) "  # noqa: S608 - see above
        f"VALUES ('{row}', 0, 0, '1', 0);"
        for row in rows
    ]
    create = (
        f"CREATE TABLE IF NOT EXISTS {TABLE} (key_name VARCHAR(160) NOT NULL PRIMARY KEY, key_type INT NOT NULL, "
        "value_type INT NOT NULL, key_value VARCHAR(128) NOT NULL, expires INT NOT NULL);"
    )
    delete = f"DELETE FROM {TABLE};"  # noqa: S608 - the table's name is ours
    return "\n".join((f"-- {_HEAD}", create, "BEGIN;", delete, *values, "COMMIT;", ""))


def _asterisk(tls: PbxTls) -> dict[str, str]:
    demanded = tls.demanded is not None
    lines = [
        f"; {_HEAD}",
        "[transport-ringfence-tls]",
        "type = transport",
        "protocol = tls",
        "bind = 0.0.0.0:5061",
        f"method = {'sslv23' if tls.takes_old else 'tlsv1_2'}",
        f"cert_file = {tls.folder}/{CERTIFICATE}",
        f"priv_key_file = {tls.folder}/{KEY}",
        *([f"ca_list_file = {tls.folder}/{AUTHORITIES}"] if demanded else []),
        f"verify_client = {'yes' if demanded else 'no'}",
        f"require_client_cert = {'yes' if demanded else 'no'}",
        "",
    ]
    files = {"pjsip_ringfence_tls.conf": "\n".join(lines)}
    if tls.takes_old:
        files["openssl-old-tls.cnf"] = _OPENSSL.format(head=_HEAD, folder=tls.folder)
    return files


_KAMAILIO_TLS = """\
# {head}
# In kamailio.cfg, above what else loads modules, with a line listen=tls:ADDRESS:5061 there:
#   include_file "{folder}/kamailio-tls.cfg"
# Where you have a tls.cfg of your own, copy the section [server:default] of ours into it as [server:ADDRESS:5061].
enable_tls=yes
loadmodule "tls.so"
modparam("tls", "config", "{folder}/tls.cfg")
"""
_KAMAILIO_PHONES = """\
# {head}
# In kamailio.cfg, below loadmodule "htable.so" and its db_url:
#   include_file "{folder}/kamailio-phones.cfg"
# (with db_text also modparam("db_text", "db_mode", 1), or kamcmd htable.reload reads no file again)
# and first in request_route:
#   route(RINGFENCE_PHONE);
modparam("htable", "htable", "{table}=>size={size};dbtable={table};")

# A certificate opens its own phone's users alone, and no password opens them without.
route[RINGFENCE_PHONE] {{
    if ($proto == "tls" && $tls_peer_verified == 1 && $tls_peer_subject_cn =~ "^SEP[0-9A-F]+$") {{
        if ($sht({table}=>revoked::$(tls_peer_raw_cert{{s.sha256}})) != $null) {{
            sl_send_reply("403", "Certificate Revoked");
            exit;
        }}
        $var(device) = $tls_peer_subject_cn;
        if ($rm == "REGISTER") {{ $var(user) = $tU; }} else {{ $var(user) = $fU; }}
        if (($rm == "REGISTER" || $tt == $null) && $sht({table}=>$var(device)::$var(user)) == $null) {{
            sl_send_reply("403", "Not This Phone's");
            exit;
        }}
        if ($au != $null && $sht({table}=>$var(device)::$au) == $null) {{
            sl_send_reply("403", "Not This Phone's");
            exit;
        }}
        return;
    }}
    if ($au != $null && $sht({table}=>$au) != $null) {{
        sl_send_reply("403", "By The Phone's Certificate Only");
        exit;
    }}
}}
"""
_OPENSSL = """\
# {head}
# TLS 1.0 for Asterisk alone, whose own configuration can't ask for it where the system's OpenSSL refuses it:
#   systemctl edit asterisk
#   [Service]
#   Environment=OPENSSL_CONF={folder}/openssl-old-tls.cnf
openssl_conf = openssl_init

[openssl_init]
ssl_conf = ssl_sect

[ssl_sect]
system_default = system_default_sect

[system_default_sect]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
"""
