"""Where request sockets can listen, and what they tell of a datagram besides its bytes."""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from ringfence.server.errors import ListenRefused
from ringfence.server.io.sockets import listen, listen_tcp, prepare, receive

IP_TTL = 2


def sent(listener: socket.socket, family: socket.AddressFamily, target: str, ttl: int) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as phone:
        if family == socket.AF_INET6:
            phone.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        else:
            phone.setsockopt(socket.IPPROTO_IP, IP_TTL, ttl)
        phone.sendto(b"\0\1f\0octet\0", (target, listener.getsockname()[1]))


@pytest.mark.parametrize("ttl", [1, 63, 64, 128, 255])
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_datagram_tells_how_far_it_may_still_go(family: socket.AddressFamily, host: str, ttl: int) -> None:
    with listen(host, 0) as listener:
        sent(listener, family, host, ttl)
        datagram = receive(listener)
    assert datagram is not None
    assert (datagram.data, datagram.peer[0], datagram.local[0], datagram.ttl) == (b"\0\1f\0octet\0", host, host, ttl)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_socket_for_both_families_tells_it_of_both(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        prepare(listener)
        listener.bind(("::", 0))
        sent(listener, family, host, 33)
        datagram = receive(listener)
    assert datagram is not None
    assert (datagram.peer[0], datagram.local[0], datagram.ttl) == (host, host, 33)


def test_where_the_kernel_does_not_say_it_is_not_known() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.setsockopt(socket.IPPROTO_IP, 12, 0)  # IP_RECVTTL
        sent(listener, socket.AF_INET, "127.0.0.1", 64)
        datagram = receive(listener)
    assert datagram is not None
    assert (datagram.local[0], datagram.ttl) == ("127.0.0.1", None)


def test_a_machine_without_ipv6_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without_ipv6(family: int, *more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return real(family, *more)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    for bind in (listen, listen_tcp):
        with pytest.raises(ListenRefused, match="Address family not supported"):
            bind("::", 0)
    with closing(listen("127.0.0.1", 0)):
        pass


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
@pytest.mark.parametrize("bind", [listen, listen_tcp])
def test_an_address_that_is_not_there_yet_is_listened_on_where_that_is_asked(
    bind: Callable[..., socket.socket], host: str
) -> None:
    with pytest.raises(ListenRefused, match="freebind"):
        bind(host, 0)
    with closing(bind(host, 0, freebind=True)) as listener:
        assert listener.getsockname()[0] == host
