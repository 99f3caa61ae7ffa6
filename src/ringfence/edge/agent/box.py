"""A box's network in the agent: the hub's rules go to the network helper, and what that tells goes to the hub."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ringfence.counted import counted, some
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.concentrator_addresses import ANY_ADDRESS, ConcentratorAddresses, with_addresses
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.errors import HelperGone, WifiRefused
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.interfaces import BRIDGE
from ringfence.edge.network.messages import (
    HelperFailed,
    HelperReady,
    JoinWifi,
    PortStanding,
    RulesRefused,
    TakePortRules,
    TellClock,
    UseTunnelKey,
    WifiAnswer,
)
from ringfence.edge.network.plan import port_rules, read_plan
from ringfence.edge.network.wifi import WifiFrom, is_wireless
from ringfence.edge.reporting.log import Log
from ringfence.errors import PeerFault
from ringfence.guard.evidence import ProvedKey
from ringfence.wire import codec
from ringfence.wire.messages import StatePart
from ringfence.wire.network_messages import (
    AdmittedBy,
    BoxFinding,
    BoxProblem,
    BoxStanding,
    BoxTunnel,
    NetworkRules,
    NetworkWifi,
    entry_in_words,
)

NO_RULES_YET = NetworkRules(0)
CLOCK_OFF_S = 2.0
"""How far this machine's clock may be off for phones to be told the time by it."""
LOOK_UP_S = 2.0
TELL_ANYWAY_S = 900.0
"""How often the hub is told although nothing changed."""
WIFI_ANSWERS_S = 30.0
ASK_S, ASK_AT_LEAST_EVERY_S = 3.0, 300.0
"""How often it is asked whether the tunnel's next key is known: ever more rarely, as many keys get old at once."""


class NetworkPart:
    """The state's part for a box's network. The helper is told what is kept once more whenever it begins anew."""

    name = StatePart.NETWORK

    def __init__(self, helper: NetworkHelper, clock_is_right: Callable[[], bool | None]) -> None:
        self._helper = helper
        self._clock_is_right = clock_is_right
        self._told_clock: bool | None = None
        self._addresses = ConcentratorAddresses()
        self._lock = threading.Lock()
        self.newest = NO_RULES_YET
        self.refused = ""
        """Why the hub's newest rules are not in force; empty if they are."""

    def keep(self, told: bytes) -> None:
        """Take over stored rules.

        Raises:
            BadMessage, BadNetworkRules: They can't be used; the earlier rules stay in force.
        """
        rules = codec.from_json(NetworkRules, told)
        read_plan(port_rules(with_addresses(rules, lambda _host: ANY_ADDRESS)))
        self.newest = rules

    def take(self, told: bytes) -> bool:
        """Apply the rules from the hub; return whether they are new.

        Raises:
            BadMessage, BadNetworkRules: As ``keep``.
            HelperGone: There is no helper any more, and a new start of the edge makes one.
        """
        before = self.newest
        try:
            self.keep(told)
        except PeerFault as fault:
            self.refused = fault.what + (f" ({fault.where})" if fault.where else "")
            raise
        self.refused = ""
        if self.newest == before:
            return False
        self.apply()
        return True

    def apply(self) -> None:
        """Tell the helper the rules as they are. HelperGone."""
        if self.newest.wifi is not None:
            self._helper.order(JoinWifi(WifiFrom.HUB, self.newest.wifi))
        with self._lock:  # the newest are told last
            self._helper.order(TakePortRules(port_rules(self._addresses.applied(self.newest))))
            self._helper.order(TellClock(self._told_clock))

    def look_up(self, now: float) -> None:
        """Ask DNS where concentrators are, which may take long, and tell the helper what is new. HelperGone."""
        if self._addresses.look_up(self.newest, now):
            self.apply()

    @property
    def unknown(self) -> str:
        """Names of concentrators that DNS does not know, if none has a place; empty otherwise."""
        return some(self._addresses.unknown(self.newest), 4)

    def on_time(self) -> None:
        """Tell the helper whether this machine's clock agrees with the hub's, if that is news. HelperGone."""
        if (is_right := self._clock_is_right()) != self._told_clock:
            self._told_clock = is_right
            self._helper.order(TellClock(is_right))


class Box:
    """What the agent of a box does beside serving: one thread hears the helper, another tells the hub.

    Args:
        helper: The network helper.
        log: Receives its log lines.
        listening: Where its own page is served; None for none.
    """

    def __init__(self, helper: NetworkHelper, log: Log, listening: socket.socket | None = None) -> None:
        self._helper = helper
        self._log = log
        self.part = NetworkPart(helper, self._clock_is_right)
        self._clock: HubClock | None = None
        self._standing = PortStanding()
        self._told: BoxStanding | None = None
        self._tell_at = 0.0
        self._ask_s = ASK_S
        self._hub_at: float | None = None
        """When the hub last took what it was told."""
        self._stopping = threading.Event()
        self._close_page: Callable[[], None] = lambda: None
        self._listening = listening
        self._wifi_lock = threading.Lock()
        self._wifi_answered = threading.Event()
        self._wifi_refused = self._hubs_wifi_refused = ""

    def part_by(self, clock: HubClock) -> NetworkPart:
        """Return the state's part; this machine's clock is compared with the hub's from now on."""
        self._clock = clock
        return self.part

    def _clock_is_right(self) -> bool | None:
        clock = self._clock
        return abs(time.time() - clock.now()) < CLOCK_OFF_S if clock is not None and clock.is_known else None

    def hear(self) -> None:
        """Hear the helper until ``stop``.

        Raises:
            HelperGone: It ended, or can't work any more; the fence stays as it is.
        """
        threading.Thread(target=self._look_up, name="addresses", daemon=True).start()  # DNS may take its time
        self._show_page()
        while not self._stopping.is_set():
            try:
                heard = self._helper.hear()
            except HelperGone:
                if self._stopping.is_set():
                    return
                raise
            match heard:
                case PortStanding():
                    self._take_standing(heard)
                case HelperReady():
                    self._log("warning", "The network helper was started anew; the fence stood meanwhile.")
                    self.part.apply()
                case RulesRefused(version, why):
                    self._log("warning", f"The network helper refuses version {version} of the rules: {why}")
                case WifiAnswer(who, why):
                    self._take_wifi_answer(who, why)
                case HelperFailed(why):
                    raise HelperGone("the network helper can't go on", where=why)

    def _show_page(self) -> None:
        if self._listening is not None:
            from ringfence.edge.agent.box_page import BoxPage  # noqa: PLC0415 - loads a web server: boxes alone

            join = self.join_wifi if is_wireless(self._helper.interfaces.uplink) else None
            page = BoxPage(self._listening, self._words_for_page, join, self._log)
            self._close_page = page.close
            page.start()

    def _words_for_page(self) -> list[str]:
        """Return how the box is, for whoever stands beside it."""
        told = self._hub_at
        ago = (
            "not since it was started"
            if told is None
            else f"{counted(int((time.monotonic() - told) // 60), 'minute')} ago"
        )
        uplink = self._helper.interfaces.uplink
        has_link = self._standing.links.get(uplink)
        way = "" if not uplink else f"Its way out, {uplink}, {'has a link' if has_link else 'has no link'}. "
        return [f"{way}The hub was last heard: {ago}.", *self.in_words()]

    def _look_up(self) -> None:
        with contextlib.suppress(HelperGone):  # `hear` is told of it
            while not self._stopping.wait(LOOK_UP_S):
                self.part.look_up(time.monotonic())

    def join_wifi(self, wifi: NetworkWifi) -> None:
        """Have the box try a Wi-Fi network that somebody set at its own page.

        Raises:
            WifiRefused: It can't be, or the helper does not say.
            HelperGone: There is no helper any more.
        """
        with self._wifi_lock:
            self._wifi_answered.clear()
            self._helper.order(JoinWifi(WifiFrom.PAGE, wifi))
            if not self._wifi_answered.wait(WIFI_ANSWERS_S):
                raise WifiRefused("the box does not say what came of it", to_do="Try again in a minute.")
            if self._wifi_refused:
                raise WifiRefused(self._wifi_refused)

    def stop(self) -> None:
        """Let ``hear`` return; the helper ends, and the fence stays."""
        self._stopping.set()
        self._close_page()
        self._helper.close()

    def on_connected(self) -> None:
        """Tell all of it again: the hub may have been restored, or be another process."""
        self._tell_at = 0.0

    def tell(self, client: HubClient) -> None:
        """Tell the hub how the box is, if that is news or due.

        Raises:
            HubUnreachable, HubRefused: It did not take it; it is told again next time.
        """
        standing = self.standing()
        if without_counters(standing) == self._told and time.monotonic() < self._tell_at:
            return
        heard = client.tell_box(replace(standing, at=time.time()))
        self._hub_at = time.monotonic()
        waits_s = self._ask_s if standing.next_public_key else TELL_ANYWAY_S
        self._ask_s = min(2 * self._ask_s, ASK_AT_LEAST_EVERY_S) if standing.next_public_key else ASK_S
        self._told, self._tell_at = without_counters(standing), time.monotonic() + waits_s
        if standing.next_public_key and heard is not None and heard.next_key_known:
            self._log("info", "The tunnel's key changes: every concentrator that is connected knows the next one.")
            with contextlib.suppress(HelperGone):  # `hear` is told of it
                self._helper.order(UseTunnelKey(standing.next_public_key))

    def standing(self) -> BoxStanding:
        """Return what the hub is told, without the time."""
        now, refused = self._standing, self.part.refused
        more = [BoxFinding(BoxProblem.OTHER, f"Newer rules are refused: {refused}.")] if refused else []
        if unknown := self.part.unknown:
            more.append(BoxFinding(BoxProblem.NO_CONCENTRATOR, f"DNS does not say where a concentrator is: {unknown}."))
        return BoxStanding(
            at=0.0,
            rules_version=now.in_force,
            subnet=now.subnet,
            uplink_networks=now.uplink_networks,
            links=now.links,
            devices=now.devices,
            findings=(*now.findings, *more),
            public_key=now.public_key,
            next_public_key=now.next_public_key,
            tunnels=now.tunnels,
            entries=now.entries,
        )

    def keys(self) -> tuple[ProvedKey, ...]:
        """Return which phones have proved a key at the port, as far as the helper says so now."""
        links = (self._helper.interfaces.phone, BRIDGE)
        entries = self._standing.entries
        return tuple(ProvedKey(each.mac, links, each.certificate) for each in entries if each.by == AdmittedBy.KEY)

    def in_words(self) -> list[str]:
        """Return the port's state in sentences."""
        now, port = self._standing, self._helper.interfaces.phone
        if now.subnet:
            link = "has a link" if now.links.get(port) else "has no link"
            seen = f"; {counted(len(now.devices), 'device')} seen there" if now.devices else ""
            lines = [f"The phone's port {port} {link} and is fenced, with the subnet {now.subnet}{seen}."]
            lines += [f"{entry_in_words(each)}." for each in now.entries]
        else:
            lines = [f"The phone's port {port} is shut."]
        if refused := self.part.refused:
            lines.append(f"Newer rules of the network are refused: {refused}.")
        if unknown := self.part.unknown:
            lines.append(f"DNS does not say where a concentrator is: {unknown}.")
        return [*lines, *(each.sentence for each in now.findings)]

    def _take_wifi_answer(self, who: WifiFrom, why: str) -> None:
        if who is WifiFrom.PAGE:
            self._wifi_refused = why
            self._wifi_answered.set()
        elif why and why != self._hubs_wifi_refused:
            self._log("warning", f"The home's Wi-Fi network that the hub told is not set: {why}")
        if who is WifiFrom.HUB:
            self._hubs_wifi_refused = why

    def _take_standing(self, standing: PortStanding) -> None:
        before, self._standing = self._standing, standing
        known = {each.sentence for each in before.findings}
        for finding in standing.findings:
            if finding.sentence not in known:
                self._log("warning", finding.sentence)


def without_counters(standing: BoxStanding) -> BoxStanding:
    """Return a standing without what changes all the time, and is told with the rest now and then."""
    still = (
        BoxTunnel(each.concentrator, float(each.handshake_at > 0), is_used=each.is_used) for each in standing.tunnels
    )
    return replace(standing, tunnels=tuple(still))
