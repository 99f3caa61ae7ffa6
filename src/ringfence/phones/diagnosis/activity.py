"""What a phone is doing, told from the order and the times of what it asked for (PHONES.md sections 1, 1b, 2b and 7).

The input is what edges have reported; the output is sentences for an operator, the most urgent one first. Nothing here
is proof: a sentence says what was seen, and where to look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ringfence.content.release import BY_HTTPS
from ringfence.phones.filenames import (
    is_configuration,
    is_firmware,
    is_first_of_configuration,
    is_loads,
    is_optional,
    is_recovery,
    is_signed_configuration,
    owner_of,
    plain_name,
)
from ringfence.phones.mac import Mac

BOOT_S = 90.0
"""Within how long a boot's requests come: 45 s over TFTP (section 2b), with time to spare."""
REJECTS_FROM = 3
"""From how many fetches of the same configuration in a row, and nothing after them, it counts as rejected."""
SHORTEST_RETRY_S, LONGEST_RETRY_S = 8.0, 100.0
LOOPS_FROM = 4
LOOP_WITHIN_S = 900.0
QUIET_AFTER_S = 600.0
ORDERED_WITHIN_S = 180.0
"""Within how long after an order a phone boots because of it."""
_CLOCKS_DIFFER_S = 30.0


class Urgency(IntEnum):
    """How much a sentence asks of its reader."""

    BROKEN = 0
    WRONG = 1
    NEWS = 2
    FINE = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a phone did, as its edge reported it: took a file, or asked for one and did not get it."""

    at: float
    name: str
    was_served: bool
    release: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What else the hub knows about a phone: the newest release that changed its file, and whether it is registered."""

    current_release: int = 0
    """The release that last changed its configuration; 0 if nothing was published for it."""
    registered: bool | None = None
    """None if there is no PBX to ask."""
    named_load: str = ""
    told: str = ""
    """What came of telling it again after it did not take its edge's order, as a sentence."""
    is_blocked: bool = False
    """Whether a person has shut it out."""
    left_out: str = ""
    """Why the last publish left it out, as sentences; empty if it did not."""
    took_list: bool | None = None
    """Whether a trust list of ours was served to it; None if that is not known here."""
    takes_signed: bool = False
    """Whether it was seen to take signed files after that, and was not let go."""
    ordered_at: tuple[float, ...] = ()
    """When it was told to reload or restart, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class ActivitySentence:
    """One thing to report about a phone."""

    urgency: Urgency
    word: str
    """A fixed word for programs."""
    text: str


def observe(mac: Mac, seen: Sequence[Seen], known: Known, now: float) -> list[ActivitySentence]:
    """Return the sentences about a phone, the most urgent first; ``seen`` is in order of time."""
    own = [each for each in seen if each.was_served and is_first_of_configuration(each.name, mac)]
    found = _by_people(mac, known)
    if not seen:
        return [*found, ActivitySentence(Urgency.NEWS, "never-seen", "It has not asked for anything yet.")]
    if known.is_blocked:
        last = f"Its last request was {ago(now - seen[-1].at)}, for {seen[-1].name}."
        return [*found, ActivitySentence(Urgency.NEWS, "blocked-asks", last)]
    found += _trust(mac, seen, known)
    found += _retries(own, seen, known)
    found += _firmware(seen, known)
    found += _missing(seen, mac)
    found += _registration(own, known, now)
    if not own:
        found.append(
            ActivitySentence(
                Urgency.BROKEN,
                "no-configuration",
                "It asks for files but has not got its configuration; the last request was "
                f"{ago(now - seen[-1].at)}, for {seen[-1].name}. "
                "Is it published? Does the guard refuse it? See ringfence report list.",
            )
        )
    else:
        found.append(_version(own[-1], known, now, is_booting=now - seen[-1].at < BOOT_S / 3))
    return sorted(found, key=lambda sentence: sentence.urgency)


def _by_people(mac: Mac, known: Known) -> list[ActivitySentence]:
    """Tell what people have done or have to do."""
    found = []
    if known.is_blocked:
        text = f"It is blocked and gets no file of its own. To unblock it, run ringfence guard unban {mac}."
        found.append(ActivitySentence(Urgency.WRONG, "blocked", text))
    if known.left_out:
        text = f"The last publish left it out, so it keeps the file that it has: {known.left_out}"
        found.append(ActivitySentence(Urgency.BROKEN, "left-out", text))
    return sorted(found, key=lambda sentence: sentence.urgency)


def _trust(mac: Mac, seen: Sequence[Seen], known: Known) -> list[ActivitySentence]:
    """Tell a phone that holds somebody else's trust list, and one that holds none any more."""
    last = next((each.name for each in reversed(seen) if is_configuration(each.name, mac)), None)
    if last is None:
        return []
    if is_signed_configuration(last) and known.took_list is False:
        text = (
            f"It asks for {last}, and never took a trust list from here: it holds somebody else's, and takes only what "
            f"that signed. What to do: ringfence trust adopt {mac}."
        )
        return [ActivitySentence(Urgency.BROKEN, "foreign-list", text)]
    is_by_list = is_signed_configuration(last) or last.startswith(BY_HTTPS)
    if not is_by_list and known.takes_signed:
        text = (
            f"It asks for {last} without a signature, though it held a trust list: somebody erased that, or another "
            "device has its address. If it was erased, it takes a list again when it boots."
        )
        return [ActivitySentence(Urgency.WRONG, "asks-unsigned", text)]
    return []


def _retries(own: Sequence[Seen], seen: Sequence[Seen], known: Known) -> list[ActivitySentence]:
    """Tell a configuration that is rejected, and a boot loop."""
    run: list[Seen] = []
    for each in reversed(own):
        if run and not SHORTEST_RETRY_S <= run[-1].at - each.at <= LONGEST_RETRY_S:
            break
        run.append(each)
    run.reverse()
    if len(run) >= REJECTS_FROM:
        after = [each for each in seen if each.at > run[0].at and comes_after_configuration(each.name)]
        if not after and not _believed_us(seen):
            return [_distrusts(run)]
        if not after:
            every = (run[-1].at - run[0].at) / (len(run) - 1)
            return [
                ActivitySentence(
                    Urgency.BROKEN,
                    "rejects",
                    f"It asks for its configuration again every {every:.0f} s and for nothing else: it rejects "
                    f"the file of release {run[-1].release}. Check what changed last (ringfence release diff), and the "
                    "patches and own templates. If it was once used with a Call Manager, erase its trust list on the "
                    "phone.",
                )
            ]
    recent = [each for each in own if own[-1].at - each.at <= LOOP_WITHIN_S] if own else []
    recent = [each for each in recent if not _was_ordered(each, known)]
    if len(recent) >= LOOPS_FROM:
        hint = f" Its file names {known.named_load}: is that load for its model?" if known.named_load else ""
        return [
            ActivitySentence(
                Urgency.BROKEN,
                "boot-loop",
                f"It has booted {len(recent)} times within {_span(own[-1].at - recent[0].at)}: it loops.{hint} Check "
                "its power, at firmware_load, and at what resets it.",
            )
        ]
    return []


def _believed_us(seen: Sequence[Seen]) -> bool:
    """Return whether a phone takes unsigned files, or ever went on after a signed one."""
    first = next((each.at for each in seen if is_signed_configuration(each.name)), None)
    return first is None or any(
        each.at > first and (comes_after_configuration(each.name) or each.name.endswith(".enc.sgn")) for each in seen
    )


def _distrusts(run: Sequence[Seen]) -> ActivitySentence:
    every = (run[-1].at - run[0].at) / (len(run) - 1)
    text = (
        f"It asks for {run[-1].name} again every {every:.0f} s and for nothing else: it does not believe its "
        "signature. It holds somebody else's trust list, or lost in a reset what its file is encrypted for "
        "(ringfence trust adopt says what to do), or its firmware does not check the hash that signature_hash names."
    )
    return ActivitySentence(Urgency.BROKEN, "foreign-list", text)


def _was_ordered(boot: Seen, known: Known) -> bool:
    """Return whether a phone fetches its configuration because it was told to."""
    return any(0 <= boot.at - at + _CLOCKS_DIFFER_S <= ORDERED_WITHIN_S for at in known.ordered_at)


def _firmware(seen: Sequence[Seen], known: Known) -> list[ActivitySentence]:
    served = {each.name.lower() for each in seen if each.was_served}
    wanted = [each for each in seen if not each.was_served and is_firmware(each.name)]
    missing = list(dict.fromkeys(each.name for each in wanted if each.name.lower() not in served))
    if not missing:
        return []
    name = missing[-1]
    if is_recovery(name):
        text = (
            f"It asks for {name}: it was reset and looks for firmware that is not here. Import a load for its "
            "model, and set firmware_load."
        )
    elif is_loads(name):
        load = name.removesuffix(".loads")
        text = f"It needs the firmware {load}, which is not here. Import it, or unset the setting that names it."
        if known.named_load and not name.startswith(known.named_load):
            text += f" Its own file names {known.named_load}."
    else:
        text = f"It needs the firmware file {name}, which is not here: the bundle was incomplete. Import it again."
    return [ActivitySentence(Urgency.BROKEN, "firmware-missing", text)]


def _missing(seen: Sequence[Seen], mac: Mac) -> list[ActivitySentence]:
    served = {each.name for each in seen if each.was_served}
    names = list(
        dict.fromkeys(
            each.name
            for each in seen
            if not each.was_served and each.name not in served and not is_firmware(each.name)
            and owner_of(each.name) in {None, mac}
        )
    )  # fmt: skip
    needed = [name for name in names if not is_optional(name) and not is_configuration(name, mac)]
    harmless = [name for name in names if is_optional(name)]
    found = []
    if needed:
        found.append(
            ActivitySentence(
                Urgency.WRONG,
                "file-missing",
                f"It asks for {_some(needed)}, which does not exist. Which setting names it?",
            )
        )
    if harmless:
        found.append(
            ActivitySentence(
                Urgency.FINE,
                "harmless",
                f"It asks for {_some(harmless)}, which does not exist; this is harmless, phones work without it.",
            )
        )
    return found


def _registration(own: Sequence[Seen], known: Known, now: float) -> list[ActivitySentence]:
    if known.registered is False and own and now - own[-1].at > BOOT_S:
        return [
            ActivitySentence(
                Urgency.BROKEN,
                "not-registered",
                "It has its configuration but is not registered at the PBX. Check its lines (ringfence sip export), "
                "sip_server, sip_port and sip_transport.",
            )
        ]
    if known.registered:
        return [ActivitySentence(Urgency.FINE, "registered", "It is registered at the PBX.")]
    return []


def _version(last: Seen, known: Known, now: float, *, is_booting: bool) -> ActivitySentence:
    taken = f"It took its configuration of release {last.release} {ago(now - last.at)}."
    if is_booting:
        return ActivitySentence(Urgency.NEWS, "booting", f"It is booting now. {taken}")
    if known.current_release > last.release:
        return ActivitySentence(
            Urgency.WRONG if now - last.at > QUIET_AFTER_S else Urgency.NEWS,
            "stale",
            f"{taken} Its file has changed since, in release {known.current_release}; it will load that at its next "
            "boot." + (f" {known.told}" if known.told else ""),
        )
    return ActivitySentence(Urgency.FINE, "current", f"{taken} That is its newest version.")


def comes_after_configuration(name: str) -> bool:
    """Return whether phones ask for a file only when they have taken their configuration (section 1)."""
    name = plain_name(name)
    if owner_of(name) is not None or name.lower().endswith(".tlv") or name == "XMLDefault.cnf.xml":
        return False
    return name not in {"OS79XX.TXT", "SIPDefault.cnf"}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5])


def ago(seconds: float) -> str:
    """Return how long ago something was, for people."""
    return "just now" if seconds < 5 else f"{_span(seconds)} ago"  # noqa: PLR2004 - nobody counts these


def _span(seconds: float) -> str:
    for size, word in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{max(seconds, 0):.0f} seconds"
