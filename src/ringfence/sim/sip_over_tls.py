"""SIP over TLS as a virtual phone speaks it: with its own certificate, to a server that its lists or TVS vouch for."""

import os
import ssl
from collections.abc import Callable

from ringfence.errors import RingfenceError
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import RegistrationFailed
from ringfence.sim.sip_agent import GIVE_UP_S, Address, Received, TcpTransport
from ringfence.sim.trusting_phone import as_pem


def show(context: ssl.SSLContext, identity: PhoneIdentity) -> None:
    """Have a phone show its certificate to whoever asks. The key is in a file in memory for a moment."""
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(as_pem(identity))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


class TlsTransport(TcpTransport):
    """SIP over one connection by TLS; what the server shows is judged before a word is said.

    Args:
        host: The phone's address.
        port: Its port.
        server: Where it connects to.
        place: What it is, for errors.
        context: Its TLS.
        check: Judges the server's certificate, in DER; a RingfenceError refuses it.

    Raises:
        SipPortInUse: It can't have its port.
        RegistrationFailed: The server can't be reached, refuses TLS, or shows what the phone does not believe.
    """

    name = "tls"

    def __init__(
        self, host: str, port: int, server: Address, place: str, context: ssl.SSLContext,
        check: Callable[[bytes], None],
    ) -> None:  # fmt: skip
        super().__init__(host, port, server, place)
        plain = self._socket
        try:
            self._secured = context.wrap_socket(plain)
            self._socket = self._secured
            check(self._secured.getpeercert(binary_form=True) or b"")
        except RingfenceError as fault:
            self._secured.close()
            raise RegistrationFailed(
                f"the phone does not believe the SIP server: {fault.what}", where=f"{server[0]}:{server[1]}",
                to_do="Is its certificate of this organisation? ringfence trust export-pbx.",
            ) from None  # fmt: skip
        except OSError as fault:  # ssl.SSLError is one
            self._socket.close()
            raise RegistrationFailed(
                f"the SIP server refuses TLS: {fault.strerror or fault}", where=f"{server[0]}:{server[1]}",
                to_do="Does it take the phone's version of TLS? ringfence trust export-pbx.",
            ) from None  # fmt: skip

    def receive(self) -> list[Received]:
        """Return the whole messages that have come; more may be in the record that was read than one call returns."""
        self._secured.setblocking(False)
        try:
            found = self._received()
            while self.is_open and self._secured.pending():
                found += self._received()
        finally:
            self._secured.settimeout(GIVE_UP_S)
        return found

    def _received(self) -> list[Received]:
        try:
            return super().receive()
        except ssl.SSLWantReadError:
            return []  # records of TLS's own, such as tickets

    def _read(self) -> bytes:
        try:
            return self._secured.recv(65_535)
        except ssl.SSLWantReadError:
            raise
        except OSError:
            return b""
