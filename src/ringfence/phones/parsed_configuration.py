"""What a phone holds once it has taken its configuration, whatever the file looked like."""

from dataclasses import dataclass, field

from ringfence.secret import Secret


@dataclass(frozen=True, slots=True)
class HeldLine:
    """One SIP line as the phone holds it."""

    button: int
    label: str
    name: str
    display_name: str
    auth_name: str
    password: Secret


@dataclass(frozen=True, slots=True)
class HeldConfiguration:
    """What a phone holds once it has taken a file."""

    phone_label: str
    lines: tuple[HeldLine, ...]
    sip_servers: tuple[tuple[str, int], ...]
    """Host and port, in the order in which the phone tries them."""
    sip_transport: str
    sip_listen_port: int
    version_stamp: str
    load: str
    """The firmware's name, empty if the phone keeps what it has."""
    files: tuple[str, ...] = field(default=())
    """What the phone asks for next, by the names that it uses; all of them may be missing."""
    register_expires_s: int = 3600
    takes_web_orders: bool = False
    """Whether its web interface carries out what it is told."""
    authentication_url: str = ""
    """The URL that is asked whether an order to the web interface is allowed; empty if all are."""

    credential: tuple[str, Secret] | None = None
    """User and password that it fetches its files over HTTP with from now on; None leaves them as they were."""

    @property
    def label(self) -> str:
        """What the phone shows for its first line; empty if it has none."""
        return self.lines[0].label if self.lines else ""
