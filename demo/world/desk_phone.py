"""A phone on a desk: on a wire of its own, with its maker's certificate and a flash that is empty when it is new."""

import contextlib
import datetime as dt
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from ringfence.errors import RingfenceError
from ringfence.phones.families import family_or_model
from ringfence.phones.filenames import configuration_name
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.trust import tvs
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.trust_list import ITL_NAME
from ringfence.phones.trust.tvs import VerifyResponse
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.sim import tvs_client
from ringfence.sim.capf_client import PhoneIdentity, phone_context
from ringfence.sim.former_owner import foreign_list
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.provisioning import HttpFirst
from ringfence.sim.steps import Fetched, Missing, Step
from ringfence.sim.trusting_phone import PhoneTrust
from support.namespaces import entered
from support.phone_identities import identity, old_identity
from world.machines import Machine

S = TypeVar("S")
_SHA_256 = ("78", "88")
"""How models begin whose certificates are in SHA-256; in those of the others the test CA signs with SHA-1."""


class DeskPhone:
    """One phone.

    Args:
        model: Its model, such as 9971.
        mac: Its MAC address.
        address: Its address on the phones' network.
        server: Where it takes its files, as DHCP told it.
        flash: The folder of what it keeps over boots.
        number: That of its key among the few that there are.
    """

    def __init__(self, model: str, mac: str, address: str, server: str, flash: Path, number: int) -> None:
        self.model, self.mac, self.address, self.server = model, Mac.parse(mac), address, server
        _family, self.kind = family_or_model(model)
        self.machine = Machine(f"phone-{model}")
        self.steps: list[Step] = []
        """What it did in its last boot."""
        self.held: HeldConfiguration | None = None
        self.typed = ""
        """The authentication string that somebody typed at it."""
        self._flash = flash
        name = self.certificate_name
        self.mic: PhoneIdentity = identity(name, key=number) if model.startswith(_SHA_256) else old_identity(name)

    @property
    def device(self) -> str:
        """As it calls itself to a CAPF."""
        return f"SEP{self.mac.bare}"

    @property
    def certificate_name(self) -> str:
        """The name in its certificate."""
        return f"CP-{self.model}-{self.device}"

    @property
    def own_file(self) -> str:
        """The name of its configuration."""
        return configuration_name(self.mac)

    def boot(self) -> str:
        """Boot with what is in the flash; return what kept it from taking a configuration, empty if it took one."""
        self.steps = []
        with entered(self.machine.namespace):
            phone = VirtualPhone(
                self.mac, self.model, (self.server, 69), on_step=self.steps.append, trust=self._trust()
            )
            if phone.model.http_provisioning.value:
                phone.ask_by(HttpFirst())
            try:
                self.held = phone.boot()
            except RingfenceError as fault:
                self.held = phone.held
                return str(fault)
        return ""

    def be_somebody_elses(self) -> None:
        """Have the list of a telephone system that it was at before."""
        PhoneMemory(self._flash).keep_trust_list(ITL_NAME, foreign_list(dt.datetime.now(dt.UTC)))

    def erase(self) -> None:
        """Lose all that it keeps, as by a factory reset."""
        shutil.rmtree(self._flash)

    def asked(self) -> list[str]:
        """Return what it asked for in its last boot."""
        return [step.name for step in self.steps if isinstance(step, Fetched | Missing)]

    def said(self, kind: type[S]) -> Sequence[S]:
        """Return the steps of a kind of its last boot."""
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def label(self) -> str:
        """What its first line's key shows; empty before its first configuration."""
        return self.held.lines[0].label if self.held is not None else ""

    @property
    def password(self) -> str:
        """The SIP secret of its first line; empty before its first configuration."""
        return self.held.lines[0].password.reveal() if self.held is not None else ""

    def fetch(self, name: str) -> bytes | None:
        """Fetch a file over TFTP, whatever the phone would do; None if it is refused, or nobody answers."""
        with entered(self.machine.namespace), contextlib.suppress(FetchFailed, FileRefused):
            return fetch((self.server, 69), name)
        return None

    def ask_tvs(self, about: TrustRole) -> VerifyResponse:
        """Ask the TVS of its list, at its server, what the certificate that has a role there is to be trusted for."""
        (listed,), (certificate,) = (self._trust().certificates(role) for role in (TrustRole.TVS, about))
        context = phone_context(listed, newest_tls=self.kind.tls_ceiling.value)
        with entered(self.machine.namespace):
            line = socket.create_connection((self.server, tvs.PORT), 60)
        with line:
            return tvs_client.ask(line, context, self.certificate_name, tvs_client.der_of(certificate))

    def _trust(self) -> PhoneTrust:
        return PhoneTrust(PhoneMemory(self._flash), self.mic, typed=self.typed)
