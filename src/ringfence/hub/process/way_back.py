"""The way in for whoever owns the hub's folder: for its first person, for somebody, for a lost last administrator."""

import json
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import select

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.phones_config import url
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import api_tokens, organisations, passkeys, people, second_steps, sessions, sign_in_links
from ringfence.hub.sign_in_errors import UnknownPerson
from ringfence.hub.store.models import ApiTokenRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.people_models import PersonRow
from ringfence.secret import Secret

_WHO = "whoever owns the hub's folder"


@dataclass(frozen=True, slots=True)
class WayBack:
    """A link that is good once, and whom it lets in; nobody yet for the first person's."""

    link: str
    person: PersonRow | None


def sign_in_link(folder: DataFolder, name: str, organisation_id: str = FIRST) -> WayBack:
    """Make a link for somebody, or for the first person of a hub that has none; also while the hub runs.

    Raises:
        BadSelection: Nobody is named, and there are people; or who is named is disabled.
        UnknownPerson: Nobody has this name.
        UnknownOrganisation: There is no such organisation.
    """
    with closing(open_hub(folder)) as opened:
        at = url_for_people(folder, opened.config)
        if not name:
            return WayBack(first_link(opened, at), None)
        hub = _hub_of(opened, organisation_id)
        with hub.change(_WHO) as change:
            person = people.get(change.session, name, hubwide_too=True)
            if person.disabled_at is not None:
                raise BadSelection(f"{person.name} is disabled", to_do=f"ringfence hub recover DIR {person.name}")
            code = sign_in_links.create(
                change, person, asks_password=not person.password_hash, valid_s=sign_in_links.AT_ONCE_S
            )
        return WayBack(sign_in_links.at(at, code), person)


def first_link(hub: Hub, at: str) -> str:
    """Return a link that makes the first person of a hub, of which people find the pages ``at`` an address.

    Raises:
        BadSelection: There is somebody already who runs the hub.
    """
    with hub.change(_WHO) as change:
        if people.someone_runs_the_hub(change.session):
            raise BadSelection("this hub has people already", to_do="Name one: ringfence hub sign-in-link DIR NAME")
        return sign_in_links.at(
            at, sign_in_links.create(change, None, asks_password=True, valid_s=sign_in_links.AT_ONCE_S)
        )


def recover(folder: DataFolder, name: str, organisation_id: str = FIRST) -> WayBack:
    """Take somebody's password, second step and passkeys away, end their sessions, and make a link for a new password.

    Args:
        folder: The hub's.
        name: Who; empty where there is but one owner who runs the hub.
        organisation_id: Whose person it is.

    Raises:
        BadSelection: Nobody is named, and there is not exactly one such owner.
        UnknownPerson: Nobody has this name.
        UnknownOrganisation: There is no such organisation.
    """
    with closing(open_hub(folder)) as opened:
        hub = _hub_of(opened, organisation_id)
        with hub.change(_WHO) as change:
            owners = select(PersonRow).where(PersonRow.role == people.OWNER, PersonRow.is_hubwide.is_(True))
            found = change.session.scalars(owners.order_by(PersonRow.name_key)).all()
            if name:
                person = people.get(change.session, name, hubwide_too=True)
            elif len(found) == 1:
                (person,) = found
            elif found:
                names = ", ".join(each.name for each in found)
                raise BadSelection(f"several people own this hub: {names}", to_do="Name one of them.")
            else:
                raise UnknownPerson("nobody owns this hub yet", to_do="ringfence hub sign-in-link DIR")
            change.note("person.recover", person.id, person.name)
            person.password_hash, person.disabled_at = "", None
            second_steps.remove(change, person)
            passkeys.remove_all(change, person)
            sessions.end_all(change, person)
            code = sign_in_links.create(change, person, asks_password=True, valid_s=sign_in_links.AT_ONCE_S)
        return WayBack(sign_in_links.at(url_for_people(folder, opened.config), code), person)


def token(folder: DataFolder, name: str, organisation_id: str = FIRST) -> tuple[ApiTokenRow, Secret]:
    """Make an owner's API token of an organisation; also while the hub runs.

    Raises:
        NameRefused: The name can't be one.
        UnknownOrganisation: There is no such organisation.
        OrganisationFull: It has as many tokens as it may have.
    """
    with closing(open_hub(folder)) as opened, _hub_of(opened, organisation_id).change("hub token") as change:
        return api_tokens.create(change, name)


def url_for_people(folder: DataFolder, config: HubConfig) -> str:
    """Return where people find the hub: at its address, or at its loopback address if it listens there alone."""
    if config.people_url:
        return config.told_people_url
    try:
        port = urlsplit(json.loads((folder.path / "run.json").read_text())["people"]).port
    except (OSError, ValueError, KeyError, TypeError):
        port = None  # it does not run
    return url(config.host_for_people, port or config.people_port)


def _hub_of(hub: Hub, organisation_id: str) -> Hub:
    with within.everywhere(hub).database.reading() as session:
        organisations.get(session, organisation_id)
    return within.organisation(hub, organisation_id)
