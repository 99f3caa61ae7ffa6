"""Signing in: by password and second step, by a link, and once more by whoever is signed in and wants to see secrets.

Whoever is refused learns nothing: a name that nobody has costs the same time and gets the same words as a wrong
password. Passwords are hashed outside of transactions, as hashing takes long; what was read before is looked at again.
"""

from sqlalchemy.orm import Session

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import known_browsers, organisations, passwords, people, second_steps, sessions, sign_in_links
from ringfence.hub.fleet.known_browsers import KnownBrowser
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.visitors import SignedIn, Visitor, start
from ringfence.hub.sign_in_errors import NotSignedIn, SignInRefused
from ringfence.hub.store.change import Change, called_by
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.people_models import PersonRow, SessionRow, SignInLinkRow
from ringfence.secret import Secret

MOST_SECOND_STEPS = 5
"""How many second steps a right password is good for."""
_WRONG = "name or password is wrong"
_WRONG_TO_DO = "Check both, and whether the keyboard writes capital letters."


class SignIns:
    """All ways to sign in to a hub; each method blocks, and several threads may use it at once."""

    def __init__(self, hub: Hub, tries: SignInTries | None = None) -> None:
        self._hub = hub
        self._tries = tries or SignInTries(hub)

    @property
    def _everywhere(self) -> Hub:
        return within.everywhere(self._hub)

    def browser(self, cookie: str) -> KnownBrowser:
        """Return the browser that a cookie is of."""
        return known_browsers.read(self._hub.sealer, cookie)

    def browser_cookie(self, browser: KnownBrowser) -> str:
        """Return the cookie that tells a browser the next time."""
        return known_browsers.write(self._hub.sealer, browser)

    def with_password(self, organisation_id: str, name: str, password: Secret, visitor: Visitor) -> SignedIn:
        """Sign somebody in who has typed name and password; they may have a second step before them.

        Args:
            organisation_id: Whose person it is; empty for the first organisation's.
            name: What was typed as the name.
            password: What was typed as the password.
            visitor: The browser.

        Raises:
            SignInRefused: Name or password is wrong, or they may not sign in.
            TooManySignIns: Too many were refused before; nothing was looked at.
            PasswordsBusy: Too many passwords are being checked.
        """
        hub = within.organisation(self._hub, self._known_organisation(organisation_id))
        with hub.database.reading() as session:
            person = people.by_name(session, name) if organisation_id in {"", hub.organisation_id} else None
        kept = person.password_hash if person is not None and person.can_sign_in else ""
        keys, is_known = self._tries.keys(organisation_id, name, person, visitor)
        self._tries.begin(hub, keys, person, visitor)
        right = passwords.is_right(kept, password, passwords.KNOWN if is_known else passwords.STRANGERS)
        if person is None or not right:
            self._tries.refused(hub, keys, person, visitor)
            raise SignInRefused(_WRONG, to_do=_WRONG_TO_DO)
        renewed = passwords.hashed(password) if passwords.is_outdated(kept) else kept
        with called_by(person.id, visitor.address), hub.change(person.name) as change:
            found = _unchanged(change, person)
            found.password_hash = renewed
            awaits = found.sealed_totp_key is not None
            signed_in = start(change, found, visitor, awaits_second_step=awaits)
        if not awaits:
            self._tries.succeeded(keys)
        return signed_in

    def with_second_step(self, cookie: str, code: str, visitor: Visitor) -> SignedIn:
        """Finish the sign-in whose password was right.

        Raises:
            NotSignedIn: There is none, or it took too long.
            SignInRefused: The code is wrong; after several the sign-in begins anew.
        """
        now = self._hub.clock()
        with self._everywhere.database.reading() as session:
            pending, person = sessions.awaiting(session, cookie, now)
        hub = within.organisation(self._hub, person.organisation_id)
        signed_in: SignedIn | None = None
        with called_by(person.id, visitor.address), hub.change(person.name) as change:
            row: SessionRow | None = change.session.get(SessionRow, pending.id)
            if row is None:
                raise NotSignedIn("this sign-in is over", to_do="Sign in again.")
            found = _unchanged(change, person)
            row.tries += 1
            if second_steps.is_right(change, hub.sealer, found, code):
                change.session.delete(row)
                signed_in = start(change, found, visitor)
            elif row.tries >= MOST_SECOND_STEPS:
                change.session.delete(row)
            tries = row.tries
        keys, _is_known = self._tries.keys("", person.name, person, visitor)
        if signed_in is None:
            self._tries.refused(hub, keys, person, visitor)
            if tries >= MOST_SECOND_STEPS:
                raise NotSignedIn("too many codes were wrong", to_do="Sign in again.")
            raise SignInRefused("this code is wrong, or was used before", to_do=second_steps.clock_hint(now))
        self._tries.succeeded(keys)
        return signed_in

    def confirm(self, hub: Hub, session_id: str, password: Secret, code: str) -> None:
        """Let somebody who is signed in prove once more who they are.

        Args:
            hub: The hub as their own organisation has it.
            session_id: Their session.
            password: What they typed.
            code: Their second step, if they have one.

        Raises:
            SignInRefused: One of them is wrong.
            TooManySignIns: Too many were wrong before.
            PasswordsBusy: Too many passwords are being checked.
        """
        person = self._check_again(hub, session_id, password)
        with hub.change(person.name) as change:
            found = _unchanged(change, person)
            right = found.sealed_totp_key is None or second_steps.is_right(change, hub.sealer, found, code)
            if right:
                row = sessions.get(change.session, session_id, hubwide_too=True)
                row.confirmed_at = change.now
                change.note("session.confirm", row.id, person.name)
        if not right:
            raise SignInRefused("this code is wrong, or was used before", to_do=second_steps.clock_hint(hub.clock()))
        self._tries.right_again(session_id)

    def change_password(self, hub: Hub, session_id: str, old: Secret, new: Secret) -> None:
        """Give somebody who is signed in another password, and end their other sessions.

        Raises:
            SignInRefused: The old password is wrong.
            TooManySignIns: Too many were wrong before.
            PasswordRefused: The new one will not do.
            PasswordsBusy: Too many passwords are being checked.
        """
        person = self._check_again(hub, session_id, old)
        passwords.check(new, person.name, person.display_name)
        made = passwords.hashed(new)
        with hub.change(person.name) as change:
            people.keep_hash(change, _unchanged(change, person), made, keeps_session=session_id)
        self._tries.right_again(session_id)

    def link(self, code: Secret) -> tuple[SignInLinkRow, PersonRow | None]:
        """Return a link that is still good, and whom it lets in; nobody for the first person's.

        Raises:
            SignInRefused: It is over, was used, or never was.
        """
        with self._everywhere.database.reading() as session:
            row = sign_in_links.get(session, code, self._hub.clock())
            if row.person_id is None:
                _check_first(session)
                return row, None
            person: PersonRow = session.get_one(PersonRow, (row.organisation_id, row.person_id))
            return row, person

    def with_link(
        self, code: Secret, visitor: Visitor, *, name: str = "", display_name: str = "", password: Secret | None = None
    ) -> SignedIn:
        """Sign somebody in by a link, with the password that they chose where it asks for one.

        Args:
            code: The link's.
            visitor: The browser.
            name: What the first person will sign in with.
            display_name: What the person is called.
            password: The password that they chose.

        Raises:
            SignInRefused: The link is over, was used, or never was; or they may not sign in.
            PasswordRefused: The password will not do.
            NameRefused: One of the names can't be one.
            PasswordsBusy: Too many passwords are being made.
        """
        row, person = self.link(code)
        name = name if person is None else person.name
        made = ""
        if row.asks_password:
            passwords.check(password or Secret(""), name, display_name)
            made = passwords.hashed(password or Secret(""))
        hub = within.organisation(self._hub, row.organisation_id)
        with called_by("" if person is None else person.id, visitor.address), hub.change(name) as change:
            sign_in_links.use(change, sign_in_links.get(change.session, code, change.now))
            if person is None:
                _check_first(change.session)
                found = people.add(change, name, display_name, people.OWNER, is_hubwide=True)
            else:
                found = change.session.get_one(PersonRow, person.id)
            if found.disabled_at is not None:
                raise SignInRefused("this account is disabled", to_do="Ask an administrator.")
            if row.asks_password:
                people.keep_hash(change, found, made)
            if display_name and person is not None:
                people.change_names(change, found, found.name, display_name)
            awaits = found.sealed_totp_key is not None
            return start(change, found, visitor, awaits_second_step=awaits)

    def _check_again(self, hub: Hub, session_id: str, password: Secret) -> PersonRow:
        """Return whose session it is, if the password is theirs."""
        with hub.database.reading() as session:
            row = sessions.get(session, session_id, hubwide_too=True)
            person: PersonRow = session.get_one(PersonRow, row.person_id)
        self._tries.again(session_id)
        if not passwords.is_right(person.password_hash, password, passwords.KNOWN):
            raise SignInRefused("the password is wrong", to_do="Check whether the keyboard writes capital letters.")
        return person

    def _known_organisation(self, organisation_id: str) -> str:
        with self._everywhere.database.reading() as session:
            return organisation_id if organisations.is_there(session, organisation_id) else FIRST


def _check_first(session: Session) -> None:
    if people.someone_runs_the_hub(session):
        raise SignInRefused("this hub has its first person already", to_do="Ask them for an invitation.")


def _unchanged(change: Change, person: PersonRow) -> PersonRow:
    """Return somebody as they are now, if what was checked of them still holds."""
    found: PersonRow | None = change.session.get(PersonRow, person.id)
    if found is None or not found.can_sign_in or found.password_hash != person.password_hash:
        raise SignInRefused(_WRONG, to_do=_WRONG_TO_DO)
    return found
