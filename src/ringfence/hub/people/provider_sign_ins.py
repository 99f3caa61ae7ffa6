"""Signing in at a provider: there and back, and what comes of its answer; also to prove once more who one is."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import provider_people, provider_visits, sessions, sign_in_providers
from ringfence.hub.fleet.sign_in_throttle import Counted, network_key
from ringfence.hub.openid import answers
from ringfence.hub.openid.answers import Answered, Client
from ringfence.hub.openid.providers import ProviderMetadata, Providers
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.visitors import SignedIn, Visitor, start
from ringfence.hub.sign_in_errors import SignInRefused, UnknownSignInProvider
from ringfence.hub.store.change import called_by
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.sign_in_provider_models import ProviderVisitRow, SignInProviderRow

CALLBACK = "/sign-in/provider/callback"
_LONGEST_CODE = 4000
_OVER = "this sign-in was not begun in this browser, is over, or took too long"


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a visit came to: a session, or None where somebody has proved once more who they are; and where to go on."""

    signed_in: SignedIn | None
    onward: str


class ProviderSignIns:
    """What people do with sign-in providers; each method blocks, and several threads may use it at once."""

    def __init__(self, hub: Hub, tries: SignInTries) -> None:
        self._hub, self._tries = hub, tries

    @cached_property
    def providers(self) -> Providers:
        """What this process remembers of providers."""
        return Providers(self._hub.config.sign_in_networks)

    @property
    def redirect_uri(self) -> str:
        """Where providers send people back to; it must be registered there."""
        return self._hub.people_url + CALLBACK

    def offered(self, organisation_id: str) -> list[tuple[str, str]]:
        """Return the ids and names of an organisation's providers; none for one that is not there."""
        if not _is_id(organisation_id or FIRST):
            return []
        hub = within.organisation(self._hub, organisation_id or FIRST)
        with hub.database.reading() as session:
            return [(row.id, row.name) for row in sign_in_providers.of_organisation(session)]

    def look(self, issuer: str) -> tuple[ProviderMetadata, int]:
        """Return what a provider says of itself, and with how many keys it may sign.

        Raises:
            SignInProviderUnavailable: It can't be asked, or its answer can't be used.
        """
        metadata = self.providers.metadata(issuer)
        keys = self.providers.keys(metadata)
        return metadata, 0 if keys is None else len(keys.keys)

    def begin(self, organisation_id: str, provider_id: str, visitor: Visitor, onward: str) -> str:
        """Return the address at the provider to which a browser is sent.

        Args:
            organisation_id: Whose person signs in; empty for the first organisation's.
            provider_id: Its provider.
            visitor: The browser.
            onward: The page on which they go on.

        Raises:
            UnknownSignInProvider: There is none.
            SignInProviderUnavailable: It can't be asked.
            TooManySignIns: Too many of this network were sent and did not come in.
        """
        if not (_is_id(organisation_id or FIRST) and _is_id(provider_id)):
            raise UnknownSignInProvider("there is no such sign-in provider", to_do="Choose one of this page.")
        hub = within.organisation(self._hub, organisation_id or FIRST)
        with hub.database.reading() as session:
            provider = sign_in_providers.get(session, provider_id)
        self._tries.begin_by(network_key(visitor.address, Counted.CHALLENGE))
        metadata = self.providers.metadata(provider.issuer)
        with hub.database.writing() as session:
            sent = provider_visits.begin(session, provider.id, visitor.browser.id, onward, hub.clock())
        return self._address(provider, metadata, sent)

    def begin_again(self, hub: Hub, person_id: str, session_id: str, visitor: Visitor, onward: str) -> str:
        """Return the address at their provider to which somebody is sent to prove once more who they are.

        Raises:
            UnknownSignInProvider: They come in by none, or it was removed.
            SignInProviderUnavailable: It can't be asked.
        """
        hub = within.organisation(self._hub, hub.organisation_id)  # all of it, also for who is limited to a part
        with hub.database.reading() as session:
            person: PersonRow = session.get_one(PersonRow, person_id)
            found = sign_in_providers.of_issuer(session, person.issuer) if person.is_of_provider else None
            provider = found or sign_in_providers.get(session, "")
        metadata = self.providers.metadata(provider.issuer)
        with hub.database.writing() as session:
            sent = provider_visits.begin(
                session, provider.id, visitor.browser.id, onward, hub.clock(), person, session_id
            )
        return self._address(provider, metadata, sent, prompt="login", max_age="0")

    def _address(
        self, provider: SignInProviderRow, metadata: ProviderMetadata, sent: provider_visits.Sent, **more: str
    ) -> str:
        digest = hashlib.sha256(sent.verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": provider.client_id, "redirect_uri": self.redirect_uri,
            "scope": f"openid {provider.asked_scopes}".strip(), "state": sent.state, "nonce": sent.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
            **more,
        }  # fmt: skip
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(asked)}"

    def come_back(self, given: Mapping[str, str], visitor: Visitor, cookie: str) -> CameBack:
        """Let in whom a provider has sent back.

        Args:
            given: What the browser's address holds.
            visitor: The browser.
            cookie: Its session's, if it has one.

        Raises:
            SignInRefused: It was not sent there, comes a second time, or what the provider says lets nobody in.
            SignInProviderUnavailable: The provider can't be asked.
            TooManySignIns: Too many were refused before.
        """
        now, state = self._hub.clock(), given.get("state", "")
        everywhere = within.everywhere(self._hub)
        keys = [network_key(visitor.address)]
        self._tries.begin(self._hub, keys, None, visitor)
        with everywhere.database.reading() as session:
            visit = provider_visits.find(session, state, visitor.browser.id, now)
        hub = self._hub if visit is None else within.organisation(self._hub, visit.organisation_id)
        try:
            came = self._came(hub, visit, given, visitor, cookie)
        except SignInRefused:
            self._tries.refused(hub, keys, None, visitor)
            raise
        self._tries.succeeded([*keys, network_key(visitor.address, Counted.CHALLENGE)])
        return came

    def _came(
        self, hub: Hub, visit: ProviderVisitRow | None, given: Mapping[str, str], visitor: Visitor, cookie: str
    ) -> CameBack:
        if visit is None:
            raise SignInRefused(_OVER, to_do="Sign in again.")
        with hub.database.writing() as session:
            if not provider_visits.end(session, visit):
                raise SignInRefused(_OVER, to_do="Sign in again.")
            provider = sign_in_providers.get(session, visit.provider_id)
        answered = self._answered(hub, visit, provider, given)
        if visit.person_id is not None:
            self._confirm(hub, visit, provider, answered, cookie)
            return CameBack(None, visit.onward)
        return CameBack(_let_in(hub, provider, answered, visitor), visit.onward)

    def _answered(
        self, hub: Hub, visit: ProviderVisitRow, provider: SignInProviderRow, given: Mapping[str, str]
    ) -> Answered:
        metadata = self.providers.metadata(provider.issuer)
        named = given.get("iss")
        if (named is None and metadata.names_itself) or named not in {None, metadata.issuer}:
            raise answers.refused("it comes from another provider than you were sent to")
        if "error" in given:
            raise SignInRefused(
                f"the sign-in provider let nobody in: {answers.word(given['error'])}",
                to_do="Try again, or ask whoever runs that provider.",
            )
        code = given.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise answers.refused("it holds no code")
        client = Client(provider.client_id, sign_in_providers.secret_of(hub.sealer, provider), self.redirect_uri)
        return answers.exchange(
            self.providers, metadata, client, code, visit.verifier, visit.nonce, hub.clock(),
            group_claim=provider.group_claim, is_anew=visit.person_id is not None,
        )  # fmt: skip

    def _confirm(
        self, hub: Hub, visit: ProviderVisitRow, provider: SignInProviderRow, answered: Answered, cookie: str
    ) -> None:
        with within.everywhere(self._hub).database.reading() as session:
            row, person = sessions.authenticate(session, cookie, hub.clock())
        is_same = (person.id, person.issuer, person.subject) == (visit.person_id, provider.issuer, answered.subject)
        if not is_same or row.id != visit.session_id:
            raise SignInRefused("you are somebody else at the provider than here", to_do="Sign in again.")
        with hub.change(person.name) as change:
            its = sessions.get(change.session, row.id, hubwide_too=True)
            its.confirmed_at = change.now
            change.note("session.confirm", its.id, f"{person.name}, at {provider.id}")

    def leave(self, hub: Hub, person_id: str) -> str:
        """Return where somebody of a provider signs out there, too; empty where there is no such place known."""
        hub = within.organisation(self._hub, hub.organisation_id)
        with hub.database.reading() as session:
            person: PersonRow = session.get_one(PersonRow, person_id)
            provider = sign_in_providers.of_issuer(session, person.issuer) if person.is_of_provider else None
        metadata = None if provider is None else self.providers.known(provider.issuer)
        if provider is None or metadata is None or not metadata.end_session_endpoint:
            return ""
        back = f"{self._hub.people_url}/sign-in?done=signed-out"
        asked = {"client_id": provider.client_id, "post_logout_redirect_uri": back}
        joint = "&" if "?" in metadata.end_session_endpoint else "?"
        return f"{metadata.end_session_endpoint}{joint}{urlencode(asked)}"


def _is_id(text: str) -> bool:
    """Return whether a text that anybody may have sent could be an id."""
    return re.fullmatch(r"[a-z0-9-]{1,20}", text) is not None


def _let_in(hub: Hub, provider: SignInProviderRow, answered: Answered, visitor: Visitor) -> SignedIn:
    mapping = sign_in_providers.mapped(provider, answered.groups)
    signed_in: SignedIn | None = None
    with called_by("", visitor.address), hub.change(provider.name) as change:
        if mapping is not None:
            person = provider_people.let_in(
                change, provider, answered.subject, answered.name, answered.display_name, mapping
            )
            longest_s = provider.session_hours * 3600.0
            signed_in = start(change, person, visitor, by=f"provider {provider.id}", longest_s=longest_s)
        elif (known := provider_people.known(change, provider, answered.subject)) is not None:
            provider_people.shut_out(change, known)
            change.note("sign-in.no-group", known.id, f"{known.name}, {provider.id}")
    if signed_in is None:
        raise SignInRefused(
            "you are in no group of the provider that may come in here", to_do="Ask an owner of the organisation."
        )
    return signed_in
