"""The keys of one end of a tunnel: kept, changed in three steps, and never half changed."""

import os
from pathlib import Path

import pytest

from ringfence.edge.errors import TunnelRefused
from ringfence.edge.network.tunnel.own_keys import LIVES_S, OwnKeys
from world.keys import public_key_of

pytestmark = pytest.mark.needs("wireguard")
NOW = 1_800_000_000.0


def made(folder: Path, at: float = NOW) -> OwnKeys:
    keys = OwnKeys(folder)
    os.utime(folder / "tunnel.key", (at, at))
    return keys


def test_a_key_is_made_once_and_is_roots_alone(tmp_path: Path) -> None:
    first = OwnKeys(tmp_path / "keys")
    again = OwnKeys(tmp_path / "keys")
    assert (again.public_key, again.next_public_key) == (first.public_key, "")
    assert public_key_of(again.private_key) == first.public_key
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "tunnel.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_to_go_is_changed_and_the_change_survives_a_restart_at_every_step(tmp_path: Path) -> None:
    keys = made(tmp_path)
    first = keys.public_key
    assert not keys.prepare("")
    assert not keys.prepare("another key")
    assert keys.prepare(first)
    following = keys.next_public_key
    assert OwnKeys(tmp_path).next_public_key == following
    assert keys.prepare("")
    assert keys.next_public_key == following, "one change at a time"
    assert not keys.change("another key")
    assert keys.change(following)
    assert (keys.public_key, keys.next_public_key) == (following, "")
    assert not keys.change(following)
    after = OwnKeys(tmp_path)
    assert (after.public_key, after.next_public_key) == (following, "")
    assert not after.prepare(first), "the one that was to go is gone"
    assert [each.name for each in tmp_path.iterdir()] == ["tunnel.key"]


@pytest.mark.parametrize(
    ("age_s", "is_due"),
    [(0.0, False), (LIVES_S, False), (LIVES_S + 1, True), (-3600.0, False), (-200_000.0, True)],
)
def test_an_old_key_is_changed_unasked_and_so_is_one_from_a_time_to_come(
    tmp_path: Path,
    age_s: float,
    is_due: bool,
) -> None:
    keys = made(tmp_path)
    assert not keys.prepare("", None), "nobody knows what time it is"
    assert keys.prepare("", NOW + age_s) == is_due


def test_a_new_key_has_its_age_from_when_it_is_used(tmp_path: Path) -> None:
    keys = made(tmp_path, at=1.0)
    keys.prepare(keys.public_key)
    os.utime(tmp_path / "tunnel-next.key", (1.0, 1.0))
    keys.change(keys.next_public_key)
    assert (tmp_path / "tunnel.key").stat().st_mtime > 1.0


def test_what_is_damaged_is_told_or_made_anew(tmp_path: Path) -> None:
    keys = made(tmp_path)
    keys.prepare(keys.public_key)
    (tmp_path / "tunnel-next.key").write_text("x")
    again = OwnKeys(tmp_path)
    assert (again.public_key, again.next_public_key) == (keys.public_key, "")
    (tmp_path / "tunnel.key").write_bytes(b"\xff")
    with pytest.raises(TunnelRefused, match="is damaged"):
        OwnKeys(tmp_path)
