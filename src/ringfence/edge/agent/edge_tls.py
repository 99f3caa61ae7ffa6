"""This edge's key for phones that get their configuration by HTTPS: made here; the hub gets its certificate alone.

The hub says by which of the keys phones are met. A key is kept with what else is sealed, so that one that was sealed
with a content key which is lost is lost with it: another one then takes its place.
"""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.phones.serving import Serving
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.identity.certificates import fingerprint, read_certificate
from ringfence.secret import Secret
from ringfence.wire import codec
from ringfence.wire.edge_tls_messages import EdgeTlsOffer, EdgeTlsOrder
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import StatePart

if TYPE_CHECKING:
    from ringfence.edge.phones.tls_messages import ServeTls


@dataclass(frozen=True, slots=True)
class EdgeTlsKey:
    """A key with its certificate, in PEM."""

    certificate: str
    key: Secret

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256. BadCertificate."""
        return fingerprint(read_certificate(self.certificate))


@dataclass(frozen=True, slots=True)
class _KeptTlsKeys:
    keys: tuple[EdgeTlsKey, ...] = ()


class EdgeTlsPart:
    """The state's part for that key; used by one thread at a time.

    Args:
        folder: Keeps the keys.
        clock: The hub's time, for certificates.
        serving: Is told by which key phones are met.
        can_serve: Whether phones can come by HTTPS here; they can't at a gateway.
        log: Is told what is done.
    """

    name = StatePart.EDGE_TLS

    def __init__(self, folder: EdgeFolder, clock: HubClock, serving: Serving, log: Log, *, can_serve: bool) -> None:
        self._folder, self._clock, self._log, self._can_serve = folder, clock, log, can_serve
        self._serving = serving
        serving.tls_material = self._material
        self.order = EdgeTlsOrder()
        self._has_said = False

    def keep(self, told: bytes) -> None:
        """Go by a stored order. BadMessage."""
        self.order = codec.from_json(EdgeTlsOrder, told)

    def take(self, told: bytes) -> bool:
        """Go by the hub's order; return whether it is new. BadMessage."""
        before = self.order
        self.keep(told)
        if self.order != before:
            self._serving.meet_by_https()
        return self.order != before

    def apply(self) -> None:
        """Do nothing: phones are met once there is a release."""

    def on_time(self) -> None:
        """Try again what may have been hindered, such as a port that another program had."""
        if self.order.fingerprint:
            self._serving.meet_by_https()

    def _material(self) -> "ServeTls | None":
        """Return by what phones are met; None where there is no key, or phones are not to come by HTTPS."""
        order = self.order
        if not (self._can_serve and order.wanted and order.fingerprint):
            return None
        key = next((each for each in self._keys() if each.fingerprint == order.fingerprint), None)
        if key is None:
            return None
        from ringfence.edge.phones.tls_messages import ServeTls  # noqa: PLC0415 - where phones come by HTTPS alone

        return ServeTls(key.certificate, key.key, order.authorities, order.issuers)

    def offer(self, client: HubClient) -> None:
        """Make the key that the hub wants, and tell it, unless it is there.

        Raises:
            HubUnreachable, HubRefused: The hub did not take it; it is told again next time.
            DiskFull, DiskFault: The key can't be kept.
        """
        order = self.order
        if not order.wanted or self._folder.vault.is_locked or self._folder.is_revoked:
            return
        if not self._can_serve:
            if not self._has_said:
                self._has_said = True
                self._log("warning", "Phones can't come by HTTPS (trust_transport=https) at a gateway.")
            return
        keys = self._keys()
        current = next((each for each in keys if each.fingerprint == order.fingerprint), None)
        is_lost = bool(order.fingerprint) and current is None
        if current is not None and not order.renews:
            self._drop_others(keys, current)
            return
        offered = keys[-1] if keys and keys[-1] is not current else None
        if offered is None:
            offered = self._new_key()
            self._save((*keys, offered) if current is not None else (offered,))
        client.offer_tls(EdgeTlsOffer(offered.certificate, replaces=is_lost))
        self._log("info", f"The hub knows this edge's key {offered.fingerprint[:16]} for phones by HTTPS.")

    def _new_key(self) -> EdgeTlsKey:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - few edges make one

        from ringfence.identity.certificates import key_to_pem, to_pem  # noqa: PLC0415 - as above
        from ringfence.identity.edge_tls import make_edge_tls  # noqa: PLC0415 - as above

        key = ec.generate_private_key(ec.SECP256R1())
        serial = int.from_bytes(secrets.token_bytes(16)) >> 1 | 1
        made = make_edge_tls(key, self._folder.enrolment().edge_id, serial=serial, now=self._clock.now())
        return EdgeTlsKey(to_pem(made), Secret(key_to_pem(key).decode()))

    def _drop_others(self, keys: tuple[EdgeTlsKey, ...], current: EdgeTlsKey) -> None:
        """Drop keys from before the one in use; a later one may be the next."""
        if keys[0] is not current:
            self._save(keys[keys.index(current) :])

    def _keys(self) -> tuple[EdgeTlsKey, ...]:
        try:
            return codec.from_json(_KeptTlsKeys, self._folder.vault.read(self._folder.tls_keys_file) or b"{}").keys
        except BadMessage:
            return ()

    def _save(self, keys: tuple[EdgeTlsKey, ...]) -> None:
        self._folder.vault.replace(self._folder.tls_keys_file, codec.to_json(_KeptTlsKeys(keys)))
