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

    @property
    def mark(self) -> str:
        """A text on one line that no other registration has."""
        return printable(f"{self.uri} {self.call_id} {self.moment}", 500)


class PbxLink(Protocol):
    """One PBX. Every method raises PbxUnavailable if it can't be reached, and PbxRefused if it refuses."""

    def check(self) -> str:
        """Return what answers, such as its version, to test the link."""

    def contacts(self, user: str) -> Sequence[Contact]:
        """Return where a user is registered."""

    def accept(self, user: str, realm: str, passwords: Sequence[Secret]) -> None:
        """Accept any of these passwords for ``user``, and no other, from now on."""

    def reload(self, user: str, contact: Contact, event: ReloadEvent, action: ServiceAction = "restart") -> None:
        """Tell the phone at ``contact`` to fetch its configuration again; ``action`` is service-control's."""
