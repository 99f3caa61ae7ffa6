"""How the hub shows a CA that a name is its own: a port and two ways to it."""

from collections.abc import Callable
from typing import Protocol

from acme import challenges, messages
from josepy import JWK

from ringfence.hub import logs
from ringfence.hub.acme import dns_program
from ringfence.hub.acme.http_challenge import HttpChallenges
from ringfence.hub.certificate_errors import ChallengeFailed

RecordsKept = Callable[[tuple[tuple[str, str], ...]], None]
"""Keeps which records are to be removed, before they are set."""
_MOST_LEFT = 8
"""Each may take minutes to fail again."""

_log = logs.get("acme")


class ChallengeMeans(Protocol):
    """One kind of challenge."""

    kind: str

    def show(self, challenge: messages.ChallengeBody, name: str, key: JWK) -> None:
        """Let the CA find the answer to a challenge for a name. ChallengeFailed."""
        ...

    def clear(self) -> None:
        """Take all answers away."""
        ...


class ByHttp:
    """Answers at the hub's own small listener."""

    kind = challenges.HTTP01.typ

    def __init__(self, listener: HttpChallenges) -> None:
        self._listener = listener

    def show(self, challenge: messages.ChallengeBody, name: str, key: JWK) -> None:
        """Answer at the challenge's path."""
        del name
        self._listener.put(challenge.chall.path, challenge.validation(key))

    def clear(self) -> None:
        """Answer nothing any more."""
        self._listener.clear()


class ByDns:
    """Answers by the operator's program, a record for each name.

    Args:
        program: Its path.
        records: What is to be removed of before, should the hub have been stopped meanwhile.
        keep: Keeps what is to be removed.
    """

    kind = challenges.DNS01.typ

    def __init__(self, program: str, records: tuple[tuple[str, str], ...], keep: RecordsKept) -> None:
        self._program, self._records, self._keep = program, records, keep

    def show(self, challenge: messages.ChallengeBody, name: str, key: JWK) -> None:
        """Set the record of a name."""
        record = (challenge.chall.validation_domain_name(name), challenge.validation(key))
        self._records = (*self._records, record)
        self._keep(self._records)
        dns_program.call(self._program, "set", *record)

    def clear(self) -> None:
        """Remove the records. One that can't be is told, and tried again with the next order: it harms nobody."""
        left = []
        for record in self._records:
            try:
                dns_program.call(self._program, "remove", *record)
            except ChallengeFailed as fault:
                _log.warning("a DNS record for the CA is left behind", problem=str(fault))
                left.append(record)
        self._records = tuple(left[-_MOST_LEFT:])
        self._keep(self._records)
