"""What the hub asks of a PBX of any kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ringfence.phones.family import ReloadEvent
from ringfence.phones.sip.notify import ServiceAction
from ringfence.printable import printable
from ringfence.secret import Secret

MOST_CONTACTS = 100
"""Of one user: what is beyond that is not looked at."""
LONGEST_TEXT = 200
"""Of what a PBX says for people."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One registration of a line, as the PBX holds it.

    ``uri`` is the phone's own Contact, which a NOTIFY must name; ``reach`` is where packets for it go (its public
    address and the transport that it registered by), empty where that is the same. ``moment`` is what the PBX says of
    when it registered, or until when: it changes with each registration.
    """

    uri: str
    reach: str
    call_id: str
    user_agent: str = ""
    moment: str = ""
    own: tuple[str, int] | None = None
    """The phone's own host and port if the PBX's requests, because of NAT, don't bear or don't reach them."""

    @property
    def mark(self) -> str:
        """A text on one line that no other registration has."""
        return printable(f"{self.uri} {self.call_id} {self.moment}", 500)


@dataclass(frozen=True, slots=True)
class Credential:
    """A digest user at a PBX: the lines that go by it, and its passwords, the preferred one first."""

    user: str
    lines: tuple[str, ...]
    passwords: tuple[Secret, ...]


class PbxLink(Protocol):
    """One PBX. Every method raises PbxUnavailable if it can't be reached, and PbxRefused if it refuses."""

    def check(self) -> str:
        """Return what answers, such as its version, to test the link."""

    def contacts(self, user: str) -> Sequence[Contact]:
        """Return where a user is registered."""

    def in_calls(self) -> frozenset[str] | None:
        """Return the users that are in a call, or ring; None where this kind of PBX does not tell."""

    def passwords_at_once(self) -> int:
        """Return how many passwords of one user it accepts at the same time."""

    def accept(self, realm: str, credentials: Sequence[Credential]) -> None:
        """Accept these passwords of these users, and none of their others; they are in force when this returns."""

    def reload(self, user: str, contact: Contact, event: ReloadEvent, action: ServiceAction = "restart") -> None:
        """Tell the phone at ``contact`` to fetch its configuration again; ``action`` is service-control's."""
