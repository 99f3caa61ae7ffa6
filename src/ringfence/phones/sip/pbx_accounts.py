"""SIP accounts as PBXes take them: pjsip sections, a Kamailio subscriber and htable set, a FreeSWITCH directory.

During a rotation an account has two passwords. Asterisk and Kamailio accept both; FreeSWITCH holds one, the new one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import quoteattr

from ringfence.phones.errors import UnfitAccount
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import is_host
from ringfence.phones.sip.digest import ha1
from ringfence.secret import Secret

_HEAD = "written by ringfence; the next export overwrites changes made here"
_SECTION = re.compile(r"[A-Za-z0-9_.+*#-]{1,80}")
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,79}")
DEFAULT_CONTEXT = "default"


USERS = "Use up to 80 letters, digits, '.', '_', '-', '+', '*' and '#'."
"""What a SIP user may be made of, as advice."""


def is_sip_user(text: str) -> bool:
    """Return whether every PBX takes ``text`` as the name of a user."""
    return _SECTION.fullmatch(text) is not None


class PbxKind(StrEnum):
    """The kinds of PBX that accounts are written for."""

    ASTERISK = "asterisk"
    KAMAILIO = "kamailio"
    FREESWITCH = "freeswitch"


class Srtp(StrEnum):
    """Whether a phone encrypts voice, with keys in SDP."""

    NONE = "none"
    OFFERED = "offered"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class SipAccount:
    """One line as its PBX knows it; lines of one device may share credentials."""

    mac: Mac
    line: int
    name: str
    display_name: str
    auth_name: str
    password: Secret
    old_password: Secret | None = None
    transport: str = "udp"
    listens_where_it_sends: bool = False
    """Whether answers and calls may go to the port that its packets come from; enterprise phones close that of UDP."""
    codecs: tuple[str, ...] = ("g722", "ulaw", "alaw")
    """By Asterisk's names, the preferred one first."""
    has_voicemail: bool = False
    srtp: Srtp = Srtp.NONE
    has_short_srtp_tags: bool = False
    """Whether it takes SRTP with tags of 32 bits only."""

    @property
    def passwords(self) -> tuple[Secret, ...]:
        """What the PBX is to accept, the new one first."""
        return (self.password,) if self.old_password is None else (self.password, self.old_password)


def without_unfit(accounts: Sequence[SipAccount], pbx: PbxKind) -> tuple[list[SipAccount], list[UnfitAccount]]:
    """Return the accounts that a PBX can have, and for each of the others why not: one harms no other."""
    fit: list[SipAccount] = []
    unfit: list[UnfitAccount] = []
    names: dict[str, SipAccount] = {}
    users: dict[str, SipAccount] = {}
    for account in accounts:
        try:
            _check(account, names)
            _check_passwords(account, pbx)
            if pbx is PbxKind.KAMAILIO:
                _check_user(account, users)
        except UnfitAccount as fault:
            unfit.append(fault)
        else:
            fit.append(account)
            names.setdefault(account.name, account)
            users.setdefault(account.auth_name, account)
    return fit, unfit


def export(
    accounts: Sequence[SipAccount], pbx: PbxKind, realm: str = "", context: str = DEFAULT_CONTEXT
) -> dict[str, str]:
    """Return the files for ``pbx`` by their names. They contain secrets.

    Args:
        accounts: The lines of the phones.
        pbx: The PBX to write files for.
        realm: The digest realm, which Kamailio's hashes need.
        context: Where the dial plan of Asterisk or FreeSWITCH begins for calls of these phones.

    Raises:
        UnfitAccount: The PBX can't have such an account; the error names it.
    """
    _fit, unfit = without_unfit(accounts, pbx)
    if unfit:
        raise unfit[0]
    if _CONTEXT.fullmatch(context) is None:
        raise UnfitAccount(f"{context[:60]!r} can't be a context", to_do="Use letters, digits, '-' and '_'.")
    match pbx:
        case PbxKind.ASTERISK:
            return {"pjsip_ringfence.conf": _pjsip(accounts, context)}
        case PbxKind.KAMAILIO:
            if not is_host(realm):
                raise UnfitAccount(
                    "the hashes for Kamailio need the digest realm", to_do="Give it: --realm sip.example.org."
                )
            return _kamailio(accounts, realm)
        case PbxKind.FREESWITCH:
            return {f"directory/ringfence/{account.name}.xml": _freeswitch(account, context) for account in accounts}


def _check(account: SipAccount, names: Mapping[str, SipAccount]) -> None:
    """Raise UnfitAccount unless a PBX can have an account beside these."""
    where = f"phone {account.mac} line {account.line}"
    other = names.get(account.name)
    if other is not None and (other.auth_name, other.passwords) != (account.auth_name, account.passwords):
        raise UnfitAccount(
            f"{account.name!r} is the name of two lines with different credentials",
            where=f"phones {other.mac} line {other.line} and {account.mac} line {account.line}",
            to_do="A PBX has one credential per user: give the lines different names, or the same password.",
        )
    for text in (account.name, account.auth_name):
        if not is_sip_user(text):
            raise UnfitAccount(f"{text[:60]!r} is not a valid user at every PBX", where=where, to_do=USERS)


def _check_passwords(account: SipAccount, pbx: PbxKind) -> None:
    """Raise UnfitAccount unless the PBX reads each password as it is, whatever is written before or behind it."""
    for password in account.passwords:
        text = password.reveal()
        lost = {
            PbxKind.ASTERISK: text != text.strip() or not text.isprintable(),
            PbxKind.FREESWITCH: "$${" in text,
        }
        if lost.get(pbx, False):
            raise UnfitAccount(
                f"{pbx.title()} can't read this password from a file",
                where=f"phone {account.mac} line {account.line}",
                to_do="Give the line another one: ringfence line rotate.",
            )


def _check_user(account: SipAccount, users: Mapping[str, SipAccount]) -> None:
    """Raise UnfitAccount if another account has the same digest user with another password."""
    other = users.get(account.auth_name)
    if other is not None and other.passwords != account.passwords:
        raise UnfitAccount(
            f"the digest user {account.auth_name!r} has two different passwords",
            where=f"phones {other.mac} line {other.line} and {account.mac} line {account.line}",
            to_do="Give one of the lines another auth name.",
        )


def _pjsip(accounts: Sequence[SipAccount], context: str) -> str:
    """Return pjsip sections: a device's lines share its authentication sections (PHONES.md section 4d).

    A line's endpoint stands before its AOR, which has the same name: the manager's UpdateConfig finds the first one.
    """
    lines = [f"; {_HEAD}", ""]
    written: dict[str, list[tuple[tuple[Secret, ...], list[str]]]] = {}
    sections: set[str] = set()
    phones = Counter(name for name, _mac in {(account.name, account.mac) for account in accounts})
    for account in _once(accounts):
        known = written.setdefault(account.auth_name, [])
        names = next((names for passwords, names in known if passwords == account.passwords), [])
        if not names:
            names = [_free(f"auth-{account.auth_name}", sections)]
            if account.old_password is not None:
                names.append(_free(f"{names[0]}-old", sections))
            known.append((account.passwords, names))
            for name, password in zip(names, account.passwords, strict=True):
                lines += _section(
                    name, type="auth", auth_type="userpass", username=account.auth_name, password=password.reveal()
                )
        lines += _section(account.name, **_endpoint(account, names, context))
        lines += _section(
            account.name, type="aor", max_contacts=str(phones[account.name]), remove_existing="yes",
            qualify_frequency="60",
        )  # fmt: skip
    return "\n".join(lines)


def _endpoint(account: SipAccount, auths: Sequence[str], context: str) -> dict[str, str]:
    """Return what a phone of Cisco's needs of PJSIP; docs/pbx.md has the reasons."""
    follows_packets = account.listens_where_it_sends
    return {
        "type": "endpoint",
        "aors": account.name,
        "auth": ",".join(auths),
        "context": context,
        "callerid": _caller_id(account),
        **({"mailboxes": f"{account.name}@default"} if account.has_voicemail else {}),
        "send_rpid": "yes",
        "identify_by": "username,auth_username",
        "disallow": "all",
        "allow": ",".join(account.codecs),
        "direct_media": "no",
        **({"media_encryption": "sdes"} if account.srtp is not Srtp.NONE else {}),
        **({"media_encryption_optimistic": "yes"} if account.srtp is Srtp.OFFERED else {}),
        **({"srtp_tag_32": "yes"} if account.srtp is not Srtp.NONE and account.has_short_srtp_tags else {}),
        "force_rport": "yes" if follows_packets else "no",
        "rewrite_contact": "yes" if follows_packets or account.transport != "udp" else "no",
    }


def _section(section: str, /, **options: str) -> list[str]:
    return [f"[{section}]", *(f"{key} = {_conf(value)}" for key, value in options.items()), ""]


def _caller_id(account: SipAccount) -> str:
    return '"{}" <{}>'.format(account.display_name.replace('"', "'"), account.name)


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _conf(text: str) -> str:
    """Return a value as Asterisk's files have it: a backslash is one, except before a semicolon.

    The space that stands before it keeps a leading ``>`` from being read as the end of ``=>``.
    """
    return text.replace(";", "\\;")


def _kamailio(accounts: Sequence[SipAccount], realm: str) -> dict[str, str]:
    """Return a folder for db_text with ``subscriber`` and ``htable``, and the same subscribers as SQL.

    The htable ``credentials`` holds ``USER::0`` and, during a rotation, ``USER::1``: each an HA1.
    """
    subscribers = ["id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string)"]
    table = ["id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int,null)"]
    sql = [f"-- {_HEAD}", "BEGIN;"]
    number = 0
    for at, account in enumerate(_once_by_user(accounts), 1):
        user = account.auth_name
        first = ha1(user, realm, account.password).reveal()
        second = ha1(f"{user}@{realm}", realm, account.password).reveal()
        subscribers.append(":".join((str(at), _text(user), _text(realm), "", first, second)))
        domain = _sql(realm)
        # Users are letters, digits and a few signs, realms are hosts: both were checked.
        sql.append(f"DELETE FROM subscriber WHERE username = {_sql(user)} AND domain = {domain};")  # noqa: S608 - see above
        sql.append(
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES "  # noqa: S608 - see above
            f"({_sql(user)}, {domain}, '', '{first}', '{second}');"
        )
        for rank, password in enumerate(account.passwords):
            number += 1
            value = ha1(user, realm, password).reveal()
            table.append(":".join((str(number), _text(f"{user}::{rank}"), "0", "0", value, "0")))
    versions = "table_name(string) table_version(int)\nsubscriber:7\nhtable:2\n"
    return {
        "dbtext/subscriber": "\n".join((*subscribers, "")),
        "dbtext/htable": "\n".join((*table, "")),
        "dbtext/version": versions,
        "subscriber.sql": "\n".join((*sql, "COMMIT;", "")),
    }


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace(":", "\\:")


def _sql(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _freeswitch(account: SipAccount, context: str) -> str:
    alias = "" if account.auth_name == account.name else f" number-alias={quoteattr(account.name)}"
    variables: Mapping[str, str] = {
        "user_context": context,
        "effective_caller_id_name": account.display_name or account.name,
        "effective_caller_id_number": account.name,
    }
    rows = "\n".join(
        f"      <variable name={quoteattr(name)} value={quoteattr(text)}/>" for name, text in variables.items()
    )
    return (
        f"<!-- {_HEAD} -->\n<include>\n  <user id={quoteattr(account.auth_name)}{alias}>\n    <params>\n"
        f'      <param name="password" value={quoteattr(account.password.reveal())}/>\n'
        f"    </params>\n    <variables>\n{rows}\n    </variables>\n  </user>\n</include>\n"
    )


def _once(accounts: Sequence[SipAccount]) -> list[SipAccount]:
    """Return one account for each name: a shared line is on several phones."""
    return list({account.name: account for account in accounts}.values())


def _once_by_user(accounts: Sequence[SipAccount]) -> list[SipAccount]:
    """Return one account for each digest user: the lines of an enterprise phone share one."""
    return list({account.auth_name: account for account in reversed(accounts)}.values())[::-1]
