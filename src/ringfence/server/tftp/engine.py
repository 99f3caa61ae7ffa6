"""TFTP on the loop: requests in, transfers out, each on its own connected socket, or all on the request socket.

Limits: how much one source and one network may cost (``limits.budgets``), transfers in total and per source, and
requests handled in one turn, so that a flood can't starve transfers. A request beyond a limit gets no answer: phones
repeat theirs, and a forger must get nothing. A transfer's hot path is one ``recv``, one comparison, one ``send``.
"""

import contextlib
import os
import select
import socket
from collections import OrderedDict
from functools import partial

from ringfence.guard.asking import Asking
from ringfence.guard.serving_profile import ServingProfile
from ringfence.phones.filenames import says_nothing_of_phones
from ringfence.server.access.admission import Admission
from ringfence.server.access.refusal_telling import Refusal
from ringfence.server.events import TFTP, Cause, printable
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.io.loop import Loop
from ringfence.server.io.sockets import (
    Address,
    ConnectedPath,
    Datagram,
    SharedPath,
    can_segment,
    connected,
    receive,
)
from ringfence.server.limits.budgets import Budgets, network_of
from ringfence.server.limits.settings import DEFAULT_LIMITS, Limits, PortRange, is_scarce
from ringfence.server.tftp.flood_filter import SHUT_OUT_S, ShuttingOut
from ringfence.server.tftp.transfers import Path, Transfer
from ringfence.tftp.errors import MalformedPacket, MalformedRequest
from ringfence.tftp.options import PLAIN_TERMS, ServerLimits, negotiate
from ringfence.tftp.packets import (
    ILLEGAL_OPERATION,
    NO_WRITING,
    NOT_FOUND,
    STOPPING,
    ReadRequest,
    WriteRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy
from ringfence.tftp.sending import Sender

REQUESTS_PER_TURN = 64
DATAGRAMS_PER_TURN = 128
OTHERS_FIRST_S = 0.004
"""What transfers get before more requests are taken: about as long as REQUESTS_PER_TURN take."""
MODES = frozenset({"octet", "netascii"})
PHONES_BURST, PHONES_PER_S = 16, 2.0
"""Requests for a phone's files from one address, whatever else comes in that address's name (internet)."""
BLOCKS_BURST, BLOCKS_PER_S = 512, 256.0
"""Acknowledgements of one address that are answered with the next block (internet): who forges them sends no more."""
TO_THE_INTERNET = ServerLimits(largest_block_size=1428, largest_window=1)
"""Blocks that no router on the way cuts up, one for each acknowledgement."""
ACROSS_THE_INTERNET = RetransmissionPolicy(first_timeout_s=2.0, longest_timeout_s=16.0, retries=8)
_READ_REQUEST = b"\0\1"
_REQUESTS = (_READ_REQUEST, b"\0\2")

_NOT_FOUND = to_bytes(NOT_FOUND)
_NO_WRITING = to_bytes(NO_WRITING)
_ILLEGAL_OPERATION = to_bytes(ILLEGAL_OPERATION)
_STOPPING = to_bytes(STOPPING)


class Engine:
    """Serves what ``admission`` gives out on ``listen``'s sockets until it is closed. It does not own the sockets.

    ``ports`` is where transfers get their ports from, any where it is None; with ``single_port`` all goes over the
    request socket, for NAT and containers: then an attacker only has to guess the 16 bits of the client's port.
    If the ``profile`` says that acknowledgements may be forged, each releases one block at most, with a limit per
    second. ``segmentation`` is whether the kernel cuts bursts into datagrams; None: if it can.
    """

    def __init__(
        self,
        loop: Loop,
        admission: Admission,
        *,
        limits: Limits = DEFAULT_LIMITS,
        ports: PortRange | None = None,
        single_port: bool = False,
        segmentation: bool | None = None,
        profile: ServingProfile = ServingProfile.LAN,
    ) -> None:
        self._loop = loop
        self._admission = admission
        self._limits = limits
        self._ports = ports
        self._single_port = single_port or profile.has_one_port
        self._segmentation = can_segment() if segmentation is None else segmentation
        self._listeners: list[socket.socket] = []
        self._crowded: set[socket.socket] = set()
        self._profile = profile
        self._retransmission = ACROSS_THE_INTERNET if profile.may_be_forged_to else DEFAULT_POLICY
        self._shutting_out = ShuttingOut()
        self._is_draining = False
        self._by_peer: dict[tuple[Address, Address], Transfer] = {}
        self._asked: dict[tuple[Address, Address], ReadRequest] = {}
        """What each TID waits to be answered: the request that it sent last."""
        self._unproven: OrderedDict[Transfer, str] = OrderedDict()
        self._per_source: dict[str, int] = {}
        self._requests = Budgets(limits.request_burst, limits.requests_per_s)
        self._spare = Budgets(limits.spare_burst, limits.spare_per_s)
        self._phones_requests = Budgets(PHONES_BURST, PHONES_PER_S)
        self._datagrams = Budgets(limits.unproven_burst, limits.unproven_per_s)
        self._blocks = Budgets(BLOCKS_BURST, BLOCKS_PER_S)

    def listen(self, listener: socket.socket) -> None:
        """Take requests from ``listener`` (``sockets.listen``)."""
        self._listeners.append(listener)
        self._shutting_out.guard(listener)
        self._loop.attach(listener.fileno(), select.EPOLLIN, lambda _, now: self._on_requests(listener, now))

    def set_limits(self, limits: Limits) -> None:
        """Go by other limits from the next request on."""
        self._limits = limits
        self._requests.set(limits.request_burst, limits.requests_per_s)

    @property
    def session_count(self) -> int:
        """How many transfers are in progress."""
        return len(self._by_peer)

    def drain(self) -> None:
        """Accept no new request; transfers in progress go on. New requests stay in the sockets for the next reader.

        In single-port mode the sockets must still be read: requests get no answer then, and phones repeat theirs.
        """
        self._is_draining = True
        self._shutting_out.give_up()
        if not self._single_port:
            for listener in self._listeners:
                self._loop.detach(listener.fileno())
        self._listeners.clear()

    def tidy(self, now: float) -> None:
        """Forget old budgets; to be called now and then."""
        self._requests.forget_refilled(now)
        self._phones_requests.forget_refilled(now)
        self._datagrams.forget_refilled(now)
        self._blocks.forget_refilled(now)
        self._shutting_out.tidy(now)
        if not self._by_peer:
            for table in (self._by_peer, self._unproven, self._per_source):
                table.clear()  # they are empty, but keep the room that a rush needed

    def close(self) -> None:
        """End every transfer with ERROR 0."""
        for transfer in list(self._by_peer.values()):
            transfer.stop(_STOPPING, "the server stopped", Cause.STOPPED)

    # -- requests -----------------------------------------------------------------------------------------------

    def _on_requests(self, listener: socket.socket, now: float) -> None:
        taken = 0
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                datagram = receive(listener)
            except OSError:
                return  # all taken; an error here belongs to an answer that was sent before
            if datagram is None:
                continue
            if not datagram.data.startswith(_REQUESTS):
                self._on_other(datagram, now)
            elif self._is_draining:
                continue
            elif not self._may_ask(datagram, now):
                self._on_beyond_budget(listener, datagram, now)
            else:
                self._on_request(listener, datagram, now)
                taken += 1
                if taken == REQUESTS_PER_TURN:
                    self._go_on_soon(listener, now)
                    return

    def _may_ask(self, datagram: Datagram, now: float) -> bool:
        """Take a request from what all have to spare, if it is no guess at a phone's file, or from its source's budget.

        A source may be a whole building behind a router, so its own budget is for what strangers could guess.
        """
        if datagram.data.startswith(_READ_REQUEST) and not self._profile.may_be_forged_to:
            name = datagram.data[2:].partition(b"\0")[0].decode("latin-1")
            if says_nothing_of_phones(name) and self._spare.take("", now):
                return True
        return self._requests.take(datagram.peer[0], now)

    def _on_beyond_budget(self, listener: socket.socket, datagram: Datagram, now: float) -> None:
        """On the internet anybody can ask in a phone's name, and must not use up what the phone itself may ask.

        So what names a phone that we have, within a budget of its own, is still looked at, and is answered if its file
        may go out; a refusal would tell that the phone is there.
        """
        try:
            request = from_bytes(datagram.data) if self._profile.may_be_forged_to else None
        except (MalformedRequest, MalformedPacket):
            request = None
        if (
            isinstance(request, ReadRequest)
            and request.mode in MODES
            and self._admission.is_one_of_ours(request.filename)
        ):
            if self._phones_requests.take(f"{datagram.peer[0]} {request.filename}", now):
                self._on_read_request(listener, datagram, request, now, is_beyond_budget=True)
            return
        self._on_one_too_many(datagram, now)

    def _go_on_soon(self, listener: socket.socket, now: float) -> None:
        """Take more soon, however many others wait in line: a rush begins with requests, and they are repeated."""
        if listener not in self._crowded:
            self._crowded.add(listener)
            self._loop.call_at(now + OTHERS_FIRST_S, lambda now: self._go_on(listener, now))

    def _go_on(self, listener: socket.socket, now: float) -> None:
        self._crowded.discard(listener)
        if listener in self._listeners:
            self._on_requests(listener, now)

    def _on_other(self, datagram: Datagram, now: float) -> None:
        """Without a transfer, DATA, ACK, ERROR and OACK have no business here (RFC 1350 section 4): no answer."""
        if self._single_port:
            transfer = self._by_peer.get((datagram.peer, datagram.local))
            if transfer is not None:
                if not self._profile.may_be_forged_to or self._blocks.take(datagram.peer[0], now):
                    transfer.on_datagram(datagram.data, now)
                return
        self._on_one_too_many(datagram, now)

    def _on_one_too_many(self, datagram: Datagram, now: float) -> None:
        """Nobody gets an answer to it; too many of them, and nobody gets to see them."""
        if self._single_port:
            return  # transfers under way need this socket too
        host, port, *_ = datagram.peer
        if self._shutting_out.note(host, now):
            self._admission.note(
                "", host, port, f"Dropping packets from {host} for {SHUT_OUT_S:g} s: it sends far too much."
            )

    def _on_request(self, listener: socket.socket, datagram: Datagram, now: float) -> None:
        host, port, *_ = datagram.peer
        try:
            request = from_bytes(datagram.data)
        except MalformedRequest as fault:
            refusal = self._admission.refuse("", host, port, f"Refused a broken request from {host}: {fault.what}.")
            self._answer(listener, datagram, refusal, _ILLEGAL_OPERATION)
            return
        except MalformedPacket:
            return
        match request:
            case ReadRequest() if request.mode in MODES:
                self._on_read_request(listener, datagram, request, now)
            case ReadRequest(filename=name, mode=mode):
                sentence = f"Refused {printable(name)} to {host}: mode {printable(mode)} is not supported."
                refusal = self._admission.refuse(name, host, port, sentence)
                self._answer(listener, datagram, refusal, _ILLEGAL_OPERATION)
            case WriteRequest():
                refusal = self._admission.refuse_writing(request.filename, host, port)
                self._answer(listener, datagram, refusal, _NO_WRITING)
            case _:
                raise AssertionError(request)

    def _on_read_request(
        self,
        listener: socket.socket,
        datagram: Datagram,
        request: ReadRequest,
        now: float,
        *,
        is_beyond_budget: bool = False,
    ) -> None:
        key = (datagram.peer, datagram.local)
        if self._asked.get(key) == request:
            return  # the request again: its answer is on its way
        held = self._by_peer.get(key)
        if held is not None:
            held.catch_up(now)  # an ERROR that was sent before the request may still wait there
        # On the internet anybody can ask in a phone's name, and must not end what the phone itself is taking.
        is_again = held is not None and (held.request == request or self._profile.may_be_forged_to)
        if held is not None and is_again and not held.is_over:
            if not held.sender.is_proven or not held.sender.is_stalled:
                return  # the request again: the first answer is on its way, and the timer repeats it
            held.stop(None, "the phone started again from the same port", Cause.RESTARTED)
        self._asked[key] = request
        host, port, *_ = datagram.peer
        options = tuple(name.lower() for name, _ in request.options)
        asking = Asking(request.filename, host, port, TFTP, datagram.ttl, options, is_beyond_budget=is_beyond_budget)
        self._admission.ask(asking, partial(self._on_answer, listener, datagram, request))

    def _on_answer(
        self,
        listener: socket.socket,
        datagram: Datagram,
        request: ReadRequest,
        answer: OfferedFile | Refusal,
        now: float,
    ) -> None:
        key = (datagram.peer, datagram.local)
        if self._asked.get(key) is request:
            del self._asked[key]
        elif not (self._profile.may_be_forged_to and isinstance(answer, Refusal)):
            return  # it asked for something else meanwhile; on the internet that may have been somebody else
        if isinstance(answer, Refusal):
            self._answer(listener, datagram, answer, _NOT_FOUND)
            return
        held = self._by_peer.get(key)
        if held is not None:
            held.stop(None, "the phone asked for something else from the same port", Cause.RESTARTED)
        if not self._is_draining and self._has_room_for(datagram, request, now):
            self._start(listener, datagram, request, answer, now)

    def _answer(self, listener: socket.socket, datagram: Datagram, refusal: Refusal, answer: bytes) -> None:
        """Answer and forget it; an answer that can't leave is lost, as datagrams are."""
        if refusal is Refusal.SILENCE:
            return
        with contextlib.suppress(OSError):
            if self._single_port:
                SharedPath(listener, datagram).send(answer)
                return
            with contextlib.closing(connected(datagram, self._ports)) as endpoint:
                endpoint.send(answer)

    # -- transfers ----------------------------------------------------------------------------------------------

    def _has_room_for(self, datagram: Datagram, request: ReadRequest, now: float) -> bool:
        host, port, *_ = datagram.peer
        limits = self._limits
        if self._has_its_share(host, now):
            why = f"it already has {self._per_source[host]} transfers in progress, and others need the rest"
        elif not self._may_send_unproven(host, now):
            why = "nobody in its network acknowledged what was sent there earlier"
        elif len(self._by_peer) < limits.sessions or self._evict_unproven():
            return True
        else:
            self._datagrams.give_back(network_of(host))
            why = f"{limits.sessions} transfers are in progress"
        name = printable(request.filename)
        self._admission.note(request.filename, host, port, f"Did not answer {host}'s request for {name}: {why}.")
        return False

    def _has_its_share(self, host: str, now: float) -> bool:
        """Return whether a source has its share of what is scarce: of places, or of what may go out unproven."""
        share = self._limits.sessions_per_source
        if self._per_source.get(host, 0) < share:
            return False
        if is_scarce(len(self._by_peer), self._limits.sessions):
            return True
        if not self._datagrams.is_scarce(network_of(host), now):
            return False
        self._see_who_is_proven()
        return sum(each == host for each in self._unproven.values()) >= share

    def _may_send_unproven(self, host: str, now: float) -> bool:
        """Take a datagram of what a network may get unproven; before that runs out, see who is proven meanwhile."""
        network = network_of(host)
        if self._datagrams.take(network, now):
            return True
        self._see_who_is_proven()
        return self._datagrams.take(network, now)

    def _see_who_is_proven(self) -> None:
        for transfer in [each for each in self._unproven if each.sender.is_proven]:
            del self._unproven[transfer]
            self._on_proven(transfer)

    def _evict_unproven(self) -> bool:
        """End the oldest transfer whose peer never answered, if there is one."""
        while self._unproven:
            transfer, _ = self._unproven.popitem(last=False)
            if not transfer.sender.is_proven:
                transfer.stop(None, "it never answered, and another transfer took its place", Cause.GAVE_WAY)
                return True
            self._on_proven(transfer)
        return False

    def _start(
        self, listener: socket.socket, datagram: Datagram, request: ReadRequest, offered: OfferedFile, now: float
    ) -> None:
        host, port, *_ = datagram.peer
        terms = PLAIN_TERMS
        if self._limits.options_enabled:
            most = TO_THE_INTERNET if self._profile.may_be_forged_to else None
            terms = negotiate(request.options, mode=request.mode, size_bytes=offered.length, limits=most)
        path: Path
        try:
            if self._single_port:
                path = SharedPath(listener, datagram)
            else:
                endpoint = connected(datagram, self._ports, block_size=terms.block_size)
                path = ConnectedPath(endpoint, segmentation=self._segmentation)
        except OSError as fault:
            self._admission.note(request.filename, host, port, f"Could not answer {host}: {fault.strerror}.")
            return
        is_lock_step = terms.window_size == 1
        sender = Sender(
            datagram.peer,
            offered.read,
            offered.length,
            mode=request.mode,
            terms=terms,
            policy=self._retransmission,
            jitter=os.urandom(1)[0] / 256,
            rollover=self._limits.rollover,
            frames=offered.frames(terms.block_size, self._limits.rollover) if is_lock_step else None,
        )
        offered.hold()
        deadline = now + self._limits.grace_s + offered.length / self._limits.slowest_bytes_per_s
        transfer = Transfer(
            datagram,
            request,
            offered,
            sender,
            path,
            tell=self._admission.tell,
            on_over=self._on_over,
            is_lock_step=is_lock_step,
            began_at=now,
            deadline=deadline,
            still_there=partial(self._admission.is_still_there, offered, host)
            if self._admission.keeps_watch(offered, host, port)
            else None,
        )
        self._by_peer[transfer.key] = transfer
        self._unproven[transfer] = host
        self._per_source[host] = self._per_source.get(host, 0) + 1
        if not self._profile.may_be_forged_to:  # it was no guess: what it may cost counts among transfers now
            if offered.owner is None:
                self._spare.give_back("")
            else:
                self._requests.give_back(host)
        self._wait_for(transfer)
        transfer.begin(now)
        if not transfer.is_over:
            self._look_again(transfer, sender.wake_at)

    def _wait_for(self, transfer: Transfer) -> None:
        if transfer.endpoint is None:
            return  # its datagrams come over the request socket
        fd = transfer.endpoint.fileno()
        if transfer.is_relayed:
            self._loop.carry(fd, transfer.sender, transfer.on_datagram, transfer.on_fault)
        else:
            self._loop.attach(fd, select.EPOLLIN, transfer.on_ready)

    def _look_again(self, transfer: Transfer, at: float) -> None:
        transfer.timer = self._loop.call_at(at, lambda now: self._on_timer(transfer, now))

    def _on_timer(self, transfer: Transfer, now: float) -> None:
        if transfer in self._unproven:
            if transfer.sender.is_proven:
                del self._unproven[transfer]
                self._on_proven(transfer)
            elif transfer.sender.wake_at <= now and not self._datagrams.take(network_of(transfer.peer[0]), now):
                transfer.stop(None, "the phone never acknowledged anything", Cause.NO_ANSWER)
                return
        at = transfer.on_timer(now)
        if at is not None:
            self._look_again(transfer, at)

    def _on_proven(self, transfer: Transfer) -> None:
        """Its peer exists: give back what was taken in case that it does not."""
        host = transfer.peer[0]
        if self._profile.may_be_forged_to:
            self._requests.give_back(host)
        self._datagrams.give_back(network_of(host), 1 + transfer.sender.retransmissions)

    def _on_over(self, transfer: Transfer) -> None:
        self._loop.cancel(transfer.timer)
        del self._by_peer[transfer.key]
        if self._unproven.pop(transfer, None) is not None and transfer.sender.is_proven:
            self._on_proven(transfer)
        host = transfer.peer[0]
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        if transfer.endpoint is not None:
            leave = self._loop.give_up if transfer.is_relayed else self._loop.detach
            leave(transfer.endpoint.fileno())
            transfer.endpoint.close()
        transfer.file.let_go()
