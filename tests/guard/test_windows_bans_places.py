"""Windows, bans and places: what holds, for whom, and until when."""

from ringfence.guard.bans import (
    FIRST_BAN_S,
    MOST_SOURCES,
    STRIKES,
    STRIKES_WITHIN_S,
    Ban,
    Bans,
)
from ringfence.guard.evidence import (
    Contradiction,
    Evidence,
    Grant,
    Leased,
    PlaceConflict,
    Shown,
)
from ringfence.guard.places import HOLDS_FOR_S, MOST_PLACES, Places
from ringfence.guard.windows import PROVES_WITHIN_S, Window, Windows

ANNA, BERT = "001122334455", "001122334466"
HOME, AWAY = "203.0.113.5", "198.51.100.9"
ON_LAN, ON_WIFI = (Evidence(neighbours=(Shown(ANNA, link),)) for link in ("lan", "wifi"))


def opened(until: float = 600.0) -> Windows:
    windows = Windows()
    windows.replace([Window("w1", ANNA, "carla", until)])
    return windows


def test_a_window_is_for_one_phone_and_ends_by_itself() -> None:
    windows = opened()
    assert windows.grant_for(ANNA, 10.0) == Grant("carla", 600.0)
    assert windows.grant_for(BERT, 10.0) is None
    assert windows.grant_for(ANNA, 600.0) is None


def test_a_window_belongs_to_who_answers_and_ends_with_one_whole_transfer() -> None:
    windows = opened()
    windows.on_asked(ANNA, HOME, 10.0)
    assert windows.grant_for(ANNA, 11.0) == Grant("carla", 600.0, HOME)
    assert windows.on_round_trip(ANNA, HOME, 13.0) is None, "what may be forged is told to nobody who would keep it"
    kept_until = 13.0 + PROVES_WITHIN_S
    assert windows.grant_for(ANNA, kept_until - 0.1) == Grant("carla", 600.0, HOME), "each answer keeps it"
    assert windows.on_taken(ANNA, AWAY, kept_until - 0.1) is None
    assert windows.on_taken(ANNA, HOME, kept_until - 0.1) is not None
    assert windows.grant_for(ANNA, kept_until) is None


def test_a_connection_keeps_a_window_for_good() -> None:
    windows = opened()
    assert windows.on_round_trip(ANNA, HOME, 10.0, for_certain=True) is not None
    windows.on_asked(ANNA, AWAY, 500.0)
    assert windows.grant_for(ANNA, 500.0) == Grant("carla", 600.0, HOME)
    assert windows.on_round_trip(ANNA, AWAY, 500.0, for_certain=True) is None


def test_a_forged_source_holds_a_window_up_for_seconds_and_cannot_take_it() -> None:
    windows = opened()
    windows.on_asked(ANNA, AWAY, 10.0)
    windows.on_asked(ANNA, HOME, 10.1)
    assert windows.on_round_trip(ANNA, HOME, 10.2) is None, "it is another's for now"
    later = 10.0 + PROVES_WITHIN_S
    assert windows.grant_for(ANNA, later) == Grant("carla", 600.0, "")
    windows.on_asked(ANNA, HOME, later)
    windows.on_round_trip(ANNA, HOME, later + 0.1)
    assert windows.grant_for(ANNA, later + PROVES_WITHIN_S) == Grant("carla", 600.0, HOME)
    assert windows.on_round_trip(ANNA, AWAY, later + 0.2) is None


def test_who_lost_a_window_may_not_go_on_when_another_has_used_it_up() -> None:
    windows = opened()
    windows.on_asked(ANNA, AWAY, 10.0)
    assert windows.was_last(ANNA, AWAY)
    windows.on_asked(ANNA, HOME, 10.0 + PROVES_WITHIN_S)
    windows.on_taken(ANNA, HOME, 11.0 + PROVES_WITHIN_S)
    assert windows.was_last(ANNA, HOME)
    assert not windows.was_last(ANNA, AWAY)
    windows.replace([])
    assert not windows.was_last(ANNA, HOME), "a person closed it"


def test_the_hubs_list_opens_and_closes_windows_and_keeps_what_happened_here() -> None:
    windows = opened()
    windows.on_round_trip(ANNA, HOME, 10.0, for_certain=True)
    windows.replace([Window("w1", ANNA, "carla", 600.0), Window("w2", BERT, "carla", 600.0)])
    assert windows.grant_for(ANNA, 50.0) == Grant("carla", 600.0, HOME)
    windows.on_taken(ANNA, HOME, 51.0)
    windows.replace([Window("w1", ANNA, "carla", 600.0)])
    assert windows.grant_for(ANNA, 52.0) is None, "used is used, whatever an older list says"
    windows.replace([Window("w3", ANNA, "carla", 600.0, bound_to=AWAY)])
    assert windows.grant_for(ANNA, 52.0) == Grant("carla", 600.0, AWAY), "another gateway told the hub"


def test_so_many_different_names_shut_a_source_out_and_each_time_for_longer() -> None:
    bans = Bans()
    first = [bans.on_strike(AWAY, f"n{number}", 1.0) for number in range(STRIKES)]
    assert first[:-1] == [None] * (STRIKES - 1)
    assert first[-1] == bans.of(AWAY, 2.0) is not None
    assert bans.of(HOME, 2.0) is None
    ended = 1.0 + FIRST_BAN_S
    assert bans.of(AWAY, ended) is None
    second = [bans.on_strike(AWAY, f"m{number}", ended) for number in range(STRIKES)][-1]
    assert second is not None
    assert second.until == ended + 2 * FIRST_BAN_S


def test_the_same_name_again_and_names_of_long_ago_are_no_enumeration() -> None:
    bans = Bans()
    assert not any(bans.on_strike(AWAY, "same", float(number)) for number in range(100))
    assert not any(bans.on_strike(HOME, f"n{number}", number * STRIKES_WITHIN_S) for number in range(3 * STRIKES))


def test_people_ban_and_let_in_again() -> None:
    bans = Bans()
    bans.replace_peoples([Ban(AWAY, 100.0, "carla does not know it")])
    assert bans.of(AWAY, 99.0) is not None
    bans.replace_peoples([])
    assert bans.of(AWAY, 99.0) is None
    for number in range(STRIKES):
        bans.on_strike(AWAY, f"n{number}", 200.0)
    bans.lift(AWAY, 199.0)
    assert bans.of(AWAY, 201.0) is not None, "lifted before that ban began"
    bans.lift(AWAY, 201.0)
    assert bans.of(AWAY, 202.0) is None
    assert bans.all(202.0) == ()


def test_what_bans_keep_is_bounded() -> None:
    bans = Bans()
    for host in range(2 * MOST_SOURCES):
        for name in range(STRIKES):
            bans.on_strike(f"h{host}", f"n{name}", 1.0)
    assert len(bans.all(2.0)) <= MOST_SOURCES


def test_the_newcomer_with_a_phones_mac_address_is_refused_while_the_phone_is_there() -> None:
    places = Places()
    assert places.conflict(ANNA, "192.0.2.9", ON_LAN, is_still_there=False, now=0.0) is None
    places.note(ANNA, "192.0.2.9", ON_LAN, 0.0)
    told = places.conflict(ANNA, "192.0.2.66", ON_LAN, is_still_there=False, now=1.0)
    assert told == PlaceConflict(Contradiction.TWO_ADDRESSES, "192.0.2.9")
    assert places.conflict(ANNA, "192.0.2.9", ON_LAN, is_still_there=True, now=1.0) is None
    later = HOLDS_FOR_S + 1
    assert places.conflict(ANNA, "192.0.2.66", ON_LAN, is_still_there=False, now=later) is None, "it has moved"
    assert places.conflict(ANNA, "192.0.2.66", ON_LAN, is_still_there=True, now=later) is not None
    leased = Evidence(neighbours=ON_LAN.neighbours, lease=Leased(ANNA))
    assert places.conflict(ANNA, "192.0.2.66", leased, is_still_there=True, now=1.0) is None, "DHCP moved it"


def test_a_phone_does_not_come_by_two_links_and_may_have_two_kinds_of_addresses() -> None:
    places = Places()
    places.note(ANNA, "192.0.2.9", ON_LAN, 0.0)
    told = places.conflict(ANNA, "192.0.2.9", ON_WIFI, is_still_there=False, now=1.0)
    assert told == PlaceConflict(Contradiction.OTHER_LINK, "lan")
    assert places.conflict(ANNA, "fd00::9", ON_LAN, is_still_there=True, now=1.0) is None
    for number in range(2 * MOST_PLACES):
        places.note(f"{number:012X}", "192.0.2.1", ON_LAN, 2.0)
    assert places.place_of(ANNA, "192.0.2.9") is None, "the oldest go first"
