"""Signing in by a passkey, in place of password and second step; proving with one who is signed in; and adding one.

A browser asks for a challenge, its passkey signs that, and the answer comes back. The challenge is good for that
browser or session alone, and once. Whose the passkey is, it says itself; nobody types a name.
"""

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import passkey_challenges, passkeys, sessions
from ringfence.hub.fleet.passkey_challenges import Purpose
from ringfence.hub.fleet.relying_party import JsonObject, PasskeyAnswer, RelyingParty
from ringfence.hub.fleet.sign_in_throttle import Counted, network_key
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.visitors import SignedIn, Visitor, start
from ringfence.hub.sign_in_errors import PasskeyRefused, SignInRefused
from ringfence.hub.store.change import Change, called_by
from ringfence.hub.store.people_models import PasskeyRow, PersonRow


class PasskeySignIns:
    """What people do with passkeys at a hub; each method blocks, and several threads may use it at once."""

    def __init__(self, hub: Hub, tries: SignInTries) -> None:
        self._hub, self._tries = hub, tries

    def party(self) -> RelyingParty:
        """Return the hub as passkeys know it; PasskeysUnavailable if they can't."""
        return passkeys.relying_party(self._hub.people_url, self._hub.config.name)

    def challenge(self, visitor: Visitor) -> JsonObject:
        """Return what the browser of somebody who signs in asks a passkey.

        Raises:
            PasskeysUnavailable: The hub is reached by an address alone.
            TooManySignIns: Too many of this network were asked for and came to nothing.
        """
        party = self.party()
        self._tries.begin_by(network_key(visitor.address, Counted.CHALLENGE))
        with self._hub.database.writing() as session:
            found = passkey_challenges.create(session, visitor.browser.id, Purpose.SIGN_IN, self._hub.clock())
        return party.to_sign(found)

    def sign_in(self, text: str, visitor: Visitor) -> SignedIn:
        """Sign somebody in by the answer of a passkey.

        Args:
            text: What the browser sends: JSON.
            visitor: The browser.

        Raises:
            SignInRefused: The passkey is not known, its answer is not right, or they may not sign in.
            TooManySignIns: Too many were refused before; nothing was looked at.
            PasskeysUnavailable: The hub is reached by an address alone.
        """
        party = self.party()
        found = self._named(text)
        person = None if found is None else found[1]
        hub = self._hub if person is None else within.organisation(self._hub, person.organisation_id)
        keys = [network_key(visitor.address)]
        if person is not None:
            keys, _is_known = self._tries.keys("", person.name, person, visitor)
        self._tries.begin(hub, keys, person, visitor)
        try:
            signed_in = self._signed_in(hub, party, text, found, visitor)
        except PasskeyRefused as fault:
            self._tries.refused(hub, keys, person, visitor)
            raise SignInRefused(fault.what, to_do=fault.to_do) from None
        self._tries.succeeded([*keys, network_key(visitor.address, Counted.CHALLENGE)])
        return signed_in

    def _named(self, text: str) -> tuple[PasskeyRow, PersonRow] | None:
        """Return the passkey that an answer names, and whose it is; None if there is none, or it is no answer."""
        try:
            answer = PasskeyAnswer.parse(text)
        except PasskeyRefused:
            return None
        with within.everywhere(self._hub).database.reading() as session:
            return passkeys.by_credential(session, answer.credential_id)

    def _signed_in(
        self, hub: Hub, party: RelyingParty, text: str, found: tuple[PasskeyRow, PersonRow] | None, visitor: Visitor
    ) -> SignedIn:
        with self._hub.database.writing() as session:
            challenge = passkey_challenges.use(session, visitor.browser.id, Purpose.SIGN_IN, self._hub.clock())
        answer = PasskeyAnswer.parse(text)
        if found is None:
            raise _unknown()
        passkey, person = found
        if answer.user_handle is None:
            raise PasskeyRefused("the passkey's answer was not accepted: it does not say whose it is")
        count = _count(party, answer, challenge, passkey, person)
        signed_in: SignedIn | None = None
        with called_by(person.id, visitor.address), hub.change(person.name) as change:
            row, now_is = _unchanged(change, passkey, person)
            if passkeys.use(change, row, count):
                signed_in = start(change, now_is, visitor, by=f"passkey {row.name}")
        if signed_in is None:
            raise _copied()
        return signed_in

    def challenge_again(self, hub: Hub, person_id: str, session_id: str) -> JsonObject:
        """Return what the browser of somebody who is signed in asks one of their passkeys, to prove who they are.

        Args:
            hub: The hub as their own organisation has it.
            person_id: Who.
            session_id: Their session.

        Raises:
            PasskeysUnavailable: The hub is reached by an address alone.
            PasskeyRefused: They have none for this hub's host.
        """
        party = self.party()
        with hub.database.writing() as session:
            person: PersonRow = session.get_one(PersonRow, person_id)
            ids = [row.credential_id for row in passkeys.of_person(session, person) if row.rp_id == party.id]
            if not ids:
                raise PasskeyRefused("you have no passkey for this hub", to_do="Confirm by your password.")
            found = passkey_challenges.create(session, session_id, Purpose.CONFIRM, hub.clock(), person.id)
        return party.to_sign(found, ids)

    def confirm(self, hub: Hub, person_id: str, session_id: str, text: str) -> None:
        """Let somebody who is signed in prove once more who they are, by a passkey.

        Raises:
            SignInRefused: The answer is not right, or another's.
            TooManySignIns: Too many were wrong before.
            PasskeysUnavailable: The hub is reached by an address alone.
        """
        party = self.party()
        self._tries.again(session_id)
        try:
            self._confirmed(hub, party, person_id, session_id, text)
        except PasskeyRefused as fault:
            raise SignInRefused(fault.what, to_do=fault.to_do) from None
        self._tries.right_again(session_id)

    @staticmethod
    def _confirmed(hub: Hub, party: RelyingParty, person_id: str, session_id: str, text: str) -> None:
        with hub.database.writing() as session:
            challenge = passkey_challenges.use(session, session_id, Purpose.CONFIRM, hub.clock())
        answer = PasskeyAnswer.parse(text)
        with hub.database.reading() as session:
            found = passkeys.by_credential(session, answer.credential_id)
        if found is None or found[1].id != person_id:
            raise PasskeyRefused("this passkey is none of yours", to_do="Confirm by another, or by your password.")
        count = _count(party, answer, challenge, *found)
        with hub.change(found[1].name) as change:
            row, person = _unchanged(change, *found)
            if is_right := passkeys.use(change, row, count):
                its = sessions.get(change.session, session_id, hubwide_too=True)
                its.confirmed_at = change.now
                change.note("session.confirm", its.id, f"{person.name}, by passkey {row.name}")
        if not is_right:
            raise _copied()

    def offer(self, hub: Hub, person_id: str, session_id: str) -> JsonObject:
        """Return what the browser of somebody who is signed in asks for a new passkey.

        Raises:
            PasskeyRefused: They sign in at a provider, and would come in when that lets them in no more.
            PasskeysUnavailable: The hub is reached by an address alone.
        """
        party = self.party()
        with hub.database.writing() as session:
            person: PersonRow = session.get_one(PersonRow, person_id)
            if person.is_of_provider:
                raise PasskeyRefused("you sign in at a provider", to_do="Add a passkey there, if it takes any.")
            ids = [row.credential_id for row in passkeys.of_person(session, person) if row.rp_id == party.id]
            found = passkey_challenges.create(session, session_id, Purpose.ADD, hub.clock(), person.id)
            return party.to_create(found, passkeys.user_handle(person), person.name, person.display_name, ids)

    def add(self, hub: Hub, person_id: str, session_id: str, text: str, name: str) -> PasskeyRow:
        """Add the passkey that a browser has made.

        Args:
            hub: The hub as their own organisation has it.
            person_id: Who.
            session_id: Their session.
            text: What the browser sends: JSON.
            name: What its owner calls it.

        Raises:
            PasskeyRefused: It is not right, is there already, or is one too many.
            NameRefused: It can't be called that.
            PasskeysUnavailable: The hub is reached by an address alone.
        """
        party = self.party()
        passkeys.check_name(name)
        with hub.database.writing() as session:
            challenge = passkey_challenges.use(session, session_id, Purpose.ADD, hub.clock())
        made = party.created(text, challenge)
        with within.everywhere(hub).database.reading() as session:
            if passkeys.by_credential(session, made.credential_id) is not None:
                raise passkeys.taken()
        with hub.database.reading() as session:
            who = session.get_one(PersonRow, person_id).name
        with hub.change(who) as change:
            return passkeys.add(change, change.session.get_one(PersonRow, person_id), party.id, made, name)


def _count(party: RelyingParty, answer: PasskeyAnswer, challenge: bytes, passkey: PasskeyRow, person: PersonRow) -> int:
    """Return the counter of an answer that is right, of this passkey and person; PasskeyRefused if it is not."""
    if answer.user_handle not in {None, passkeys.user_handle(person)}:
        raise PasskeyRefused("the passkey's answer was not accepted: it names somebody else")
    return party.signed(answer, challenge, passkey.public_key)


def _unchanged(change: Change, passkey: PasskeyRow, person: PersonRow) -> tuple[PasskeyRow, PersonRow]:
    """Return a passkey and whose it is as they are now, if both may still be used."""
    row: PasskeyRow | None = change.session.get(PasskeyRow, passkey.id)
    found: PersonRow | None = change.session.get(PersonRow, person.id)
    if row is None or found is None or not found.can_sign_in:
        raise _unknown()
    return row, found


def _unknown() -> PasskeyRefused:
    return PasskeyRefused(
        "this passkey lets nobody in here",
        to_do="Use another, or your password. Delete passkeys on the device that were removed here.",
    )


def _copied() -> PasskeyRefused:
    return PasskeyRefused(
        "this passkey's counter went backwards: another device has a copy of it",
        to_do="Sign in another way, and remove it. The audit log tells of this.",
    )
