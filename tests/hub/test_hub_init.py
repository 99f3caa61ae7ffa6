import sqlite3
import stat
from pathlib import Path

import pytest

from ringfence.errors import BadInput, EnvironmentFault, NotFound
from ringfence.hub.core import open_hub
from ringfence.hub.data import folder
from ringfence.hub.data.config import default_listen, default_people_listen, make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import DataFolderBusy, DataFolderNewer, DataFolderTaken, SealBroken
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.fleet import api_tokens
from ringfence.hub.process.init import init
from ringfence.hub.process.renewal import renew_server_certificate
from ringfence.secret import Secret
from support.chosen_database import copied, sqlite_only

CONFIG = make_config(address="hub.example.org")


@pytest.fixture
def copy(made_hub: tuple[Path, Secret], tmp_path: Path) -> DataFolder:
    copied(made_hub[0], tmp_path / "copy")
    return DataFolder(tmp_path / "copy")


def test_a_new_folder_and_all_in_it_are_for_its_owner_alone(made_hub: tuple[Path, Secret]) -> None:
    folder = made_hub[0]
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert {path.name for path in (folder / "keys").iterdir()} == {
        "authority.key",
        "server.key",
        "server.pem",
        "metadata-root.key",
        "metadata-targets.key",
        "metadata-snapshot.key",
        "metadata-timestamp.key",
        "sealing.key",
    }


def test_the_first_token_lets_in_and_is_stored_as_a_hash_only(made_hub: tuple[Path, Secret]) -> None:
    folder, token = made_hub
    hub = open_hub(DataFolder(folder))
    with hub.database.reading() as session:
        assert api_tokens.authenticate(session, token.reveal(), 0.0).name == "administrator"
    hub.close()
    assert token.reveal().startswith("rft_")
    for path in folder.rglob("*"):
        assert path.is_dir() or token.reveal().encode() not in path.read_bytes(), path


def test_init_refuses_to_overwrite_and_touches_nothing(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in made_hub[0].rglob("*") if path.is_file()}
    with pytest.raises(DataFolderTaken, match="it was left as it is"):
        init(made_hub[0], CONFIG)
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataFolderTaken):
        init(tmp_path / "file", CONFIG)


def test_init_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    init(tmp_path / "empty", CONFIG)
    assert DataFolder(tmp_path / "empty").config().address == "hub.example.org"


def test_an_init_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def fail_at(last: int) -> None:
        def replace_file(path: Path, data: bytes) -> None:
            nonlocal calls
            calls += 1
            if calls == last:
                raise OSError(28, "No space left on device")
            real(path, data)

        monkeypatch.setattr(folder, "replace_file", replace_file)

    real = folder.replace_file
    for last in range(1, 11):
        calls = 0
        fail_at(last)
        with pytest.raises(EnvironmentFault, match="No space left"):
            init(tmp_path / "hub", CONFIG)
        assert list(tmp_path.iterdir()) == []
    calls = 0
    fail_at(0)
    init(tmp_path / "hub", CONFIG)


@sqlite_only
def test_a_folder_of_a_newer_version_is_refused_in_one_clear_error(copy: DataFolder) -> None:
    with sqlite3.connect(copy.path / "hub.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    with pytest.raises(DataFolderNewer, match="this data folder was written by a newer version of ringfence") as raised:
        open_hub(copy)
    assert "0999" in raised.value.where
    assert raised.value.exit_code == EnvironmentFault.exit_code


def test_a_folder_without_a_hub_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ringfence hub init"):
        DataFolder(tmp_path)


def test_a_second_hub_on_one_folder_is_refused(copy: DataFolder) -> None:
    with copy.locked(), pytest.raises(DataFolderBusy, match="another hub runs"), DataFolder(copy.path).locked():
        pass
    with copy.locked():
        pass


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('database_url = "hub.db"', "not a database URL"),
        ('database_url = "oracle://db/hub"', "not a database URL"),
        ("people_port = 70000", "people_port"),
        ('listen = "everywhere"', "listen"),
        ("colour = 7", "colour"),
        ("= 7", "TOML"),
    ],
)
def test_a_bad_line_in_hub_toml_is_named(copy: DataFolder, line: str, said: str) -> None:
    (copy.path / "hub.toml").write_text(f'address = "hub.example.org"\n{line}\n')
    with pytest.raises(BadConfiguration, match=said):
        copy.config()


def test_the_environment_goes_above_the_file(copy: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_HUB_PEOPLE_PORT", "9443")
    assert copy.config().people_port == 9443
    assert copy.config().address == "127.0.0.1"


@pytest.mark.parametrize("address", ["", "hub example", "https://hub", "hub/", "-hub"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="address can't be used"):
        make_config(address=address)


def test_a_hub_for_loopback_listens_there_only() -> None:
    assert default_listen("127.0.0.1") == "127.0.0.1"
    assert default_listen("localhost") == "127.0.0.1"
    assert default_listen("hub.example.org") == "0.0.0.0"  # noqa: S104 - the point


def test_a_hub_without_a_word_about_people_listens_to_them_where_it_listens_to_edges() -> None:
    config = make_config(address="hub.example.org", listen="192.0.2.7")
    assert config.people_address == "192.0.2.7"
    assert config.changed(people_listen="192.0.2.8").hosts[-2:] == ("192.0.2.7", "192.0.2.8")
    with pytest.raises(BadConfiguration, match="people_listen can't be used"):
        make_config(address="hub.example.org", people_listen="eth0")


def test_people_are_not_let_in_from_elsewhere_unless_the_hubs_address_is_this_machines() -> None:
    assert default_people_listen("127.0.0.2") == "127.0.0.2"
    for address in ("localhost", "hub.example.org", "192.0.2.7", "2001:db8::7"):
        assert default_people_listen(address) == "127.0.0.1"


def test_the_server_certificate_is_renewed_late_in_its_life_or_for_a_new_host(
    copy: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = open_hub(copy)
    now = hub.clock()
    assert renew_server_certificate(hub, copy) is False
    hub.clock = lambda: now + 300 * 86_400
    assert renew_server_certificate(hub, copy) is True
    assert renew_server_certificate(hub, copy) is False
    hub.close()
    monkeypatch.setenv("RINGFENCE_HUB_ADDRESS", "new.example.org")
    hub = open_hub(copy)
    assert renew_server_certificate(hub, copy) is True
    assert "new.example.org" in copy.server_hosts()
    hub.close()


def test_a_sealed_secret_opens_for_its_record_and_key_only() -> None:
    key = Sealer.new_key()
    sealed = Sealer(key).seal(Secret("s3cret"), "line:A:1")
    assert Sealer(key).open(sealed, "line:A:1").reveal() == "s3cret"
    assert Sealer(Sealer.new_key(), key).open(sealed, "line:A:1").reveal() == "s3cret", "an older key still opens"
    assert b"s3cret" not in sealed
    for record, bad, why in (
        ("line:A:2", sealed, "belongs to another record"),
        ("line:A:1", sealed[:-1] + bytes([sealed[-1] ^ 1]), "altered"),
        ("line:A:1", b"\x02" + sealed[1:], "does not have"),
    ):
        with pytest.raises(SealBroken, match=why):
            Sealer(key).open(bad, record)
    with pytest.raises(SealBroken, match="which this hub does not have"):
        Sealer(Sealer.new_key()).open(sealed, "line:A:1")


def test_a_broken_key_file_is_told(copy: DataFolder) -> None:
    (copy.path / "keys" / "sealing.key").write_text("no key\n")
    with pytest.raises(SealBroken, match="sealing key is not valid"):
        open_hub(copy)
