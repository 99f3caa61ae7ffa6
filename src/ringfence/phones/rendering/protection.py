"""What protects a phone's calls: what follows from ``protect_calls``, what can't be, and what to tell people of it.

Invariants:

- Where ``protect_calls`` is tls, SIP goes by TLS, or the phone gets no file; unless somebody has set ``sip_transport``
  at the same scope or nearer to the phone, which is then told.
- Where it is tunnel, every SIP server is one that phones reach through the tunnel, or the phone gets no file.
- Where it is none, which is the default, nothing follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address

from ringfence.phones.errors import IncompletePhone, ValueOutOfRange
from ringfence.phones.family import Model
from ringfence.phones.settings.protection import PROTECT_CALLS, SERVERS, SRTP, ProtectCalls
from ringfence.phones.settings.trust import OFF, TRUST
from ringfence.phones.settings.types import Value

FOLLOWS = PROTECT_CALLS
"""The scope of a value that follows from protect_calls."""
TLS = "tls"
_TLS_PORT = 5061
_TRANSPORT, _SECURITY, _ENCRYPTED = "sip_transport", "device_security", "encrypted"
_OTHER_WAYS = ("outbound_proxy", "line_proxy")
"""Settings besides the SIP servers that name where SIP goes."""
_GENERIC = "generic"
_UNPROTECTED = (
    "Whoever is on the way hears the calls, reads who calls whom, and can try SIP passwords against what was read."
)

Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class SiteTunnel:
    """The tunnel of a phone's site: why there is none, if so, and the names that its box answers."""

    problem: str = ""
    to_do: str = ""
    names: frozenset[str] = field(default_factory=frozenset)


def following(values: Values, nearness: Mapping[str, int], model: Model) -> dict[str, Value]:
    """Return the settings that follow from ``protect_calls`` in place of what they would be.

    Args:
        values: What each setting is otherwise.
        nearness: How near to the phone each setting was set: a larger number is nearer. One that nobody set has none.
        model: The phone's model.
    """
    match values.get(PROTECT_CALLS):
        case ProtectCalls.TUNNEL:
            return {name: values[inner] for name, inner in SERVERS.items() if values.get(inner)}
        case ProtectCalls.TLS if _SECURITY in model.settings and _holds_list(values):
            if _is_set_nearer(_TRANSPORT, nearness) and values[_TRANSPORT] != TLS:
                return {}
            followed = {_TRANSPORT: TLS, _SECURITY: _ENCRYPTED}
            return {name: value for name, value in followed.items() if not _is_set_nearer(name, nearness)}
        case ProtectCalls.TLS if _SECURITY not in model.settings and not _why_no_tls(model):
            wanted: dict[str, Value] = {_TRANSPORT: TLS}
            if not _is_set_nearer(_TRANSPORT, nearness) or values[_TRANSPORT] == TLS:
                wanted |= {name: _TLS_PORT for name in ("sip_port", "outbound_proxy_port") if name in model.settings}
                wanted |= {SRTP: model.settings[SRTP].choices[-1]} if SRTP in model.settings else {}
            return {name: value for name, value in wanted.items() if not _is_set_nearer(name, nearness)}
        case _:
            return {}


def check_tls(settings: Values, model: Model) -> None:
    """Raise if calls are to be protected by TLS and this phone can't.

    Raises:
        ValueOutOfRange: Its model can't, or not with what Ringfence makes.
        IncompletePhone: It can, with settings that nobody has set.
    """
    if settings.get(PROTECT_CALLS) != ProtectCalls.TLS:
        return
    if why := _why_no_tls(model):
        raise ValueOutOfRange(
            f"{PROTECT_CALLS} is tls, but {why}", to_do=f"Set {PROTECT_CALLS} for this phone to tunnel, or to none."
        )
    if _SECURITY not in model.settings or settings[_SECURITY] != "none":
        return
    if not _holds_list(settings):
        raise ValueOutOfRange(
            f"{PROTECT_CALLS} is tls, but {model.with_article} takes TLS with a trust list only, and {TRUST} is off",
            to_do=f"Set {TRUST} for this phone to signed; the keys for that are made by `ringfence trust init`. "
            f"Or set {PROTECT_CALLS} to tunnel, or to none.",
        )
    if settings[_TRANSPORT] == TLS:
        raise ValueOutOfRange(
            f"{PROTECT_CALLS} is tls, but {_SECURITY} was set to none for this phone",
            to_do=f"Set {_SECURITY} to encrypted, or unset it.",
        )


def check_tunnel(settings: Values, tunnel: SiteTunnel) -> None:
    """Raise IncompletePhone if calls are to go through a tunnel and this phone's would not; the error says why."""
    if settings.get(PROTECT_CALLS) != ProtectCalls.TUNNEL:
        return
    if tunnel.problem:
        raise IncompletePhone(f"{PROTECT_CALLS} is tunnel, but {tunnel.problem}", to_do=tunnel.to_do)
    for name in (*SERVERS, *_OTHER_WAYS):
        said = str(settings.get(name) or "")
        if said and not _is_inner(said, tunnel):
            inner = SERVERS.get(name, name)
            raise IncompletePhone(
                f"{PROTECT_CALLS} is tunnel, but {name} is {said}, which is not known to be reached through it",
                to_do=f"Set {inner} to its inner address, or name it at the site's box: "
                "ringfence network set SITE --name NAME=ADDRESS.",
            )


def told(settings: Values, model: Model, tunnel: SiteTunnel) -> tuple[str, ...]:
    """Return in sentences what of a phone's calls is protected on their way, and what is not.

    Args:
        settings: What each setting is, with what follows from ``protect_calls``.
        model: The phone's model.
        tunnel: The tunnel of its site.
    """
    try:
        check_tls(settings, model)
        check_tunnel(settings, tunnel)
    except (IncompletePhone, ValueOutOfRange) as fault:
        return (f"A publish leaves this phone out: {fault.what}. {fault.to_do}",)
    said = list(_of_encryption(settings, model))
    asked = settings.get(PROTECT_CALLS)
    if asked == ProtectCalls.TUNNEL:
        said.insert(0, _of_tunnel(settings))
    elif not tunnel.problem:
        said.append(
            f"The site's box sends calls through its tunnel nevertheless, as long as the phone stands there. "
            f"{PROTECT_CALLS} tunnel makes that a must."
        )
    if asked == ProtectCalls.TLS and settings.get(_TRANSPORT) != TLS:
        said.insert(0, f"{_TRANSPORT} was set to {settings.get(_TRANSPORT)} for this phone, which wins over "
                       f"{PROTECT_CALLS}.")  # fmt: skip
    return tuple(said)


def _of_tunnel(settings: Values) -> str:
    return (
        f"Calls, and SIP with its passwords, go to {settings['sip_server']} through the tunnel of the site's box: "
        "nobody between box and concentrator hears or reads them. On the phone's own cable, and from the concentrator "
        "to the PBX, they are as the phone sends them."
    )


def _of_encryption(settings: Values, model: Model) -> tuple[str, ...]:
    """Return what the phone itself encrypts."""
    is_in_tunnel = settings.get(PROTECT_CALLS) == ProtectCalls.TUNNEL
    if settings.get(_TRANSPORT) != TLS or settings.get(_SECURITY) == "none":
        return () if is_in_tunnel else (f"The phone encrypts neither SIP nor voice. {_UNPROTECTED}",)
    found = ["SIP is encrypted by TLS between phone and SIP server."]
    if settings.get(_SECURITY) == "authenticated":
        found = [f"SIP is signed but not encrypted, and voice is neither. {_UNPROTECTED}"]
    if settings.get(_SECURITY) != "authenticated":
        found.append(_of_voice(settings, model))
    if _SECURITY in model.settings:
        found.append(_of_list(settings))
    else:
        found.append("The phone takes only a server whose certificate it trusts, as far as it checks that: a CA of "
                     "your own has to be known to it.")  # fmt: skip
    ceiling = model.tls_ceiling
    if ceiling.value in {"1.0", "1.1"}:
        found.append(
            f"A{model.with_article[1:]} speaks TLS {ceiling.value} at best ({ceiling.mark.value}), which is "
            "broken and which SIP servers refuse unless they are told otherwise. A tunnel protects better."
        )
    return tuple(found)


def _of_list(settings: Values) -> str:
    """Return by what the phone knows the SIP server."""
    if _holds_list(settings):
        return (
            "The phone takes only a SIP server with this organisation's certificate, which its trust list names: "
            "`ringfence trust export-pbx` gives it to the PBX."
        )
    return f"It works only with a trust list (CTL) of yours that names the SIP server, as {TRUST} is off."


def _of_voice(settings: Values, model: Model) -> str:
    limits = f" It takes SRTP {model.srtp.value} ({model.srtp.mark.value})." if model.srtp.value else ""
    if settings.get(_SECURITY) == "encrypted":
        return f"Voice is encrypted by SRTP where the PBX and the other side do so too; its keys go with SIP.{limits}"
    if SRTP not in model.settings:
        return "Whether voice is encrypted is for your own templates or patches to say."
    match settings[SRTP]:
        case "required":
            return f"Voice is encrypted by SRTP in every call; its keys go with SIP.{limits}"
        case "outgoing":
            return f"Voice is encrypted by SRTP in calls that the phone makes; who calls it decides otherwise.{limits}"
        case "optional":
            return (
                f"Voice is encrypted by SRTP where the PBX and the other side do so too; its keys go with SIP.{limits}"
            )
        case _:
            return "Voice is not encrypted: whoever is on the way hears it."


def _why_no_tls(model: Model) -> str:
    """Return why a model can't protect its calls by TLS whatever is set; empty if it can."""
    if TLS not in model.transports.value:
        return f"{model.with_article} does not speak SIP over TLS"
    if _SECURITY not in model.settings and SRTP not in model.settings and model.name != _GENERIC:
        return f"how {model.with_article} is told to encrypt voice is not known well enough"
    return ""


def _holds_list(values: Values) -> bool:
    """Return whether a phone is to have a trust list of the organisation."""
    return values.get(TRUST, OFF) != OFF


def _is_set_nearer(name: str, nearness: Mapping[str, int]) -> bool:
    """Return whether a setting was set where protect_calls was, or nearer to the phone."""
    return nearness.get(name, -1) >= nearness.get(PROTECT_CALLS, 0)


def _is_inner(host: str, tunnel: SiteTunnel) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return host.casefold() in tunnel.names
    return True
