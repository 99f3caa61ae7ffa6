"""Kamailio by JSON-RPC over HTTP: modules jsonrpcs, xhttp, usrloc, tm, and htable with the table ``credentials``.

``docs/pbx.md`` has the configuration that this needs. The table holds ``USER::0`` and, while two passwords are
accepted, ``USER::1``: each an HA1, as ``ringfence sip export --pbx kamailio`` writes them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import h11

from ringfence.hub.errors import PbxRefused, PbxUnavailable
from ringfence.hub.telephony.pbx.connection import PbxAccess, PbxConnection, connected
from ringfence.hub.telephony.pbx.port import LONGEST_TEXT, MOST_CONTACTS, Contact, Credential
from ringfence.phones.family import ReloadEvent
from ringfence.phones.sip.digest import ha1
from ringfence.phones.sip.notify import ServiceAction, service_control_body
from ringfence.printable import printable
from ringfence.secret import Secret

TABLE = "credentials"
_MOST_PASSWORDS = 2
_LARGEST_HEAD = 16 * 1024
_NOT_FOUND = 404
_URI = re.compile(r"sips?:[!-~]{1,300}")


class Kamailio:
    """One Kamailio at the URL of its JSON-RPC."""

    def __init__(self, url: str, token: Secret, access: PbxAccess) -> None:
        self._url, self._access = url, access
        address = urlsplit(url)
        self._is_tls = address.scheme == "https"
        self._address = (address.hostname or "", address.port or (443 if self._is_tls else 80))
        self._path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        self._headers = {"Host": address.netloc, "Content-Type": "application/json", "Connection": "close"}
        if token:
            self._headers["Authorization"] = f"Bearer {token.reveal()}"

    def check(self) -> str:
        """Return its version."""
        return printable(str(self._call("core.version")), LONGEST_TEXT)

    def contacts(self, user: str) -> Sequence[Contact]:
        """Return where a user is registered, as usrloc has it."""
        try:
            found = self._call("ul.lookup", "location", user)
        except _NothingThere:
            return []
        try:
            return [_contact(row["Contact"]) for row in found.get("Contacts", [])[:MOST_CONTACTS]]
        except (AttributeError, KeyError, TypeError):
            raise PbxUnavailable("Kamailio's answer has another form than usrloc's", where=self._url) from None

    def in_calls(self) -> frozenset[str] | None:
        """Return None: a registrar knows no calls."""
        return None

    def passwords_at_once(self) -> int:
        """Return how many passwords of a user the table holds."""
        return _MOST_PASSWORDS

    def accept(self, realm: str, credentials: Sequence[Credential]) -> None:
        """Put each password's hash into the table, and remove the previous ones."""
        for credential in credentials:
            self._accept(realm, credential)

    def _accept(self, realm: str, credential: Credential) -> None:
        user, passwords = credential.user, credential.passwords
        if len(passwords) > _MOST_PASSWORDS:
            raise ValueError("Kamailio's table holds at most two passwords for a user")
        for rank in range(_MOST_PASSWORDS):
            key = f"{user}::{rank}"
            if rank < len(passwords):
                self._call("htable.sets", TABLE, key, ha1(user, realm, passwords[rank]).reveal())
            else:
                try:
                    self._call("htable.delete", TABLE, key)
                except _NothingThere:
                    continue

    def reload(self, user: str, contact: Contact, event: ReloadEvent, action: ServiceAction = "restart") -> None:
        """Send a NOTIFY by Kamailio's own transaction layer, over the connection that the phone registered by."""
        del user  # the contact says it all
        headers = f"From: <sip:ringfence@localhost>\r\nTo: <{contact.uri}>\r\nContact: <sip:ringfence@localhost>\r\n"
        headers += "Subscription-State: active\r\n"
        body = ""
        if event is ReloadEvent.SERVICE_CONTROL:
            headers += "Event: service-control\r\nContent-Type: text/plain\r\n"
            body = service_control_body(action, contact.call_id).decode()
        else:
            headers += f"Event: {event.value}\r\n"
        # Kamailio's answer comes before the phone's: whether the phone obeyed is seen by what it fetches.
        self._call("tm.t_uac_start", "NOTIFY", contact.uri, contact.reach or ".", ".", headers, body)

    def _call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON as Kamailio makes it
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        try:
            with connected(*self._address, self._access, tls=self._is_tls) as link:
                answer = json.loads(self._exchange(link, json.dumps(body).encode()))
        except OSError as fault:
            raise PbxUnavailable(f"Kamailio can't be reached: {fault.strerror or fault}", where=self._url) from None
        except (ValueError, RecursionError, h11.RemoteProtocolError):
            answer = None
        if not isinstance(answer, dict):
            raise PbxUnavailable(
                "something other than JSON-RPC answers",
                where=self._url,
                to_do="Check that it is the URL of xhttp's /RPC; see docs/pbx.md.",
            )
        if "result" in answer:
            return answer["result"]
        error = answer.get("error")
        code, said = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
        if code == _NOT_FOUND or "not found" in str(said).lower():
            raise _NothingThere
        raise PbxRefused(f"Kamailio refuses {method}: {printable(str(said), LONGEST_TEXT)}", where=self._url)

    def _exchange(self, link: PbxConnection, body: bytes) -> bytes:
        """Send a body by POST and return the answer's, whatever its status is; it is never sent on elsewhere."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        headers = list({**self._headers, "Content-Length": str(len(body))}.items())
        request = (h11.Request(method="POST", target=self._path, headers=headers), h11.Data(body), h11.EndOfMessage())
        link.send(b"".join(http.send(event) or b"" for event in request))
        parts: list[bytes] = []
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(link.receive())
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return b"".join(parts)


class _NothingThere(PbxRefused):
    """The requested entry does not exist there."""

    def __init__(self) -> None:
        super().__init__("Kamailio has no such entry")


def _contact(row: Mapping[str, Any]) -> Contact:
    uri = str(row.get("Address", ""))
    received = str(row.get("Received", ""))
    if _URI.fullmatch(uri) is None:
        raise PbxRefused("Kamailio holds a contact that is not a SIP URI", where=uri[:80])
    reach = received if _URI.fullmatch(received) else ""
    moment = " ".join(str(row.get(name, "")) for name in ("CSeq", "Last-Modified"))
    return Contact(uri, reach, str(row.get("Call-ID", "")), str(row.get("User-Agent", "")), moment)
