"""``make trust``: tells the story of phones' own keys, from phones fresh from the factory to files that only they read.

A hub, an edge and five phones are machines made of network namespaces, which needs root: an edge lets through to the
hub's CAPF only whom the kernel shows with a phone's MAC address. Every step is a real command or a real packet. If a
result is not what its step says, the story ends with status 1.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "tests"))

from ringfence.errors import EnvironmentFault, RingfenceError
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus
from ringfence.sim.trust_steps import CapfEnded, Decrypted, ListRefused, ListTaken
from stack import StoryBroken, wait_for
from story import Story, must
from support.phone_identities import cisco
from world.at_hub import built
from world.desk_phone import DeskPhone
from world.hostile_edge import LABEL
from world.machines import lacking
from world.phone_room import EDGE, NEEDED, PhoneRoom
from world.stolen_disk import search

Row = Mapping[str, Any]
"""What the hub says of one phone's trust; Any: JSON."""


def set_up(story: Story, room: PhoneRoom) -> None:
    """Have a hub, a site with five phones, and an edge that serves them plain files."""
    with story.step("A hub is created and started."):
        room.start_hub()
    with story.step("A site gets five phones: a Cisco 8941, a 9971, a 7965, a 7841 and an 8861. An edge joins it."):
        room.ringfence("set", "organisation", "sip_server=192.168.1.9", "time_zone=Europe/Berlin")
        room.make_site()
        room.enrol_edge()
        room.start_edge()
        room.publish()
    stranger = room.phones[3]
    stranger.be_somebody_elses()
    with story.step(
        f"The {stranger.model} was at another hub, and has its list. It takes no file, and this hub says so."
    ):
        must(bool(room.boot([stranger])[stranger.model]), f"the {stranger.model} took a file")
        said = wait_for("the report of that", lambda: room.reported("trust list"))
    story.note(said)
    stranger.erase()
    with story.step(
        "Its list is erased at the phone. All phones are as new: they have no list, and take whatever files they find."
    ):
        boot(room)
        must(all(phone.own_file in phone.asked() for phone in room.phones), "a phone takes another file than its own")
    story.note(states(room))
    with story.step("Whoever searches the edge's disk now finds every phone's SIP secret."):
        secrets = room.secrets()
        found = search(room.edge_folder, secrets)
        must({each.whose for each in found} == set(secrets), f"found only: {'; '.join(map(str, found))}")
    story.note(f"such as {found[0]}")


def make_keys(story: Story, room: PhoneRoom) -> None:
    """Make the organisation's keys, and show that the recovery file opens."""
    with story.step("The organisation's keys are made; that of recovery leaves the hub as a file and a printed sheet."):
        made = room.ask("trust", "init", str(room.recovery))
        room.environment["RINGFENCE_RECOVERY_PASSPHRASE"] = made["passphrase"]
    with story.step("The site is set to signed files. Publishing is refused: nobody has shown that the file opens."):
        room.ringfence("set", "site", room.site, "trust=signed")
        refused = room.hub_refuses("publish")
        must("recovery file opens" in refused, f"publishing says {refused!r}")
    story.note(refused)
    with story.step("The recovery file is opened, and signs what the hub asks it to sign. Now a publish works."):
        room.ringfence("trust", "check", str(room.recovery))
        room.publish()
    story.note(states(room))


def sign(story: Story, room: PhoneRoom) -> None:
    """Have the phones take their list and ask for signed files; withdraw the plain ones."""
    with story.step("The phones boot. Each believes its first list, and takes signed files only from then on."):
        boot(room)
        for phone in room.phones:
            (taken,) = phone.said(ListTaken)
            must(taken.is_first and taken.wants_signed_files, f"the {phone.model} took {taken}")
            must(f"{phone.own_file}.sgn" in phone.asked(), f"the {phone.model} asked for {phone.asked()}")
            must(phone.own_file not in phone.asked(), f"the {phone.model} asked for its plain file")
        room.wait_until("every phone to be seen with signed files", lambda row: row["state"] == "signed")
    story.note(states(room))
    with story.step("The next publish withdraws the plain files. The phones boot with the signed ones."):
        room.publish()
        boot(room)
        must(all(phone.fetch(phone.own_file) is None for phone in room.phones), "a plain file is still given out")


def encrypt(story: Story, room: PhoneRoom) -> None:
    """Have the phones show their certificates, and encrypt their files to these."""
    with story.step("The site is set to encrypted files, and the CA of the phones' maker is imported."):
        ca = room.folder / "maker.pem"
        ca.write_text(cisco().pem)
        room.ringfence("trust", "import-ca", str(ca))
        room.ringfence("set", "site", room.site, "trust=encrypted", f"capf_server={EDGE}")
        room.publish()
    with story.step("The phones boot, and show the hub's CAPF the certificates from their maker, through the edge."):
        boot(room)
        ended = {phone.model: phone.said(CapfEnded) for phone in room.phones}
        must(all(ended.values()), f"not every phone was at CAPF: {ended}")
        room.wait_until("every phone's certificate", lambda row: row["state"] == "certified")
    story.note(", ".join(f"{model} over {said[0].over}" for model, said in ended.items()))
    with story.step("The next publish has an encrypted file for each. Every phone opens its own with its own key."):
        room.publish()
        boot(room)
        must(all(phone.said(Decrypted) for phone in room.phones), "a phone decrypted nothing")
        room.wait_until("every phone to be seen with encrypted files", lambda row: row["state"] == "encrypted")
    story.note(states(room))
    with story.step("No file on the edge's disk has a SIP secret now."):
        old = room.secrets()
        found = search(room.edge_folder, old)
        must(not found, f"found: {'; '.join(map(str, found))}")
        deleted = {each.whose for each in search(room.disk.taken(), old)}
    story.note(
        f"but a thief who looks at what was deleted still finds that of {', '.join(sorted(deleted)) or 'nobody'}"
    )
    with story.step("So every SIP secret is changed, and reaches its phone in an encrypted file."):
        room.change_secrets()
        room.publish()
        boot(room)
        new = room.secrets()
        held = {phone.model: phone.password for phone in room.phones}
        must(held == new and not set(new.values()) & set(old.values()), "a phone holds another secret")


def change_keys(story: Story, room: PhoneRoom) -> None:
    """Change the key of every role, one after the other."""
    late, renewed = room.phones[3], room.phones[4]
    with story.step(
        f"New keys are made for TFTP, CAPF, TVS and the PBX. All phones learn them but the {late.model}, which is off."
    ):
        for role in ("tftp", "capf", "tvs", "ccm"):
            room.post("/trust/rotate", {"role": role})
        room.publish()
        boot(room, *(phone for phone in room.phones if phone is not late))
        room.wait_until("the others' list", lambda row: row["has_newest_list"] or row["model"] == late.model)
    with story.step(f"To use one of them is refused, as the {late.model} would not know it. It is turned on."):
        refused = room.hub_refuses("trust", "rotate", "tftp", "--yes")
        must(str(late.mac) in refused, f"the refusal does not name the phone: {refused}")
        boot(room, late)
        room.wait_until(f"the list of the {late.model}", lambda row: row["has_newest_list"])
    story.note(refused)
    with story.step("TFTP's new key signs all files from now on; the phones take them."):
        room.post("/trust/rotate", {"role": "tftp"})
        take_new_list(room)
    with story.step(
        f"CAPF's new key is used. The {renewed.model} gets a certificate of ours from it, by typed digits."
    ):
        room.post("/trust/rotate", {"role": "capf"})
        order = room.ask("phone", "certificate", str(renewed.mac), "issue", "--password")
        renewed.typed = order["password"]
        take_new_list(room)
        (ended,) = renewed.said(CapfEnded)
        must(bool(ended.certificate), f"it ended so: {ended}")
    with story.step(f"TVS's new key is used. The file of the {renewed.model} is encrypted to its new certificate."):
        room.post("/trust/rotate", {"role": "tvs"})
        take_new_list(room)
        (opened,) = renewed.said(Decrypted)
        must(opened.certificate == ended.certificate, f"it opened its file with the key of {opened.certificate}")
    with story.step("The PBX's new certificate is used. TVS vouches for it, when a phone asks."):
        room.post("/trust/rotate", {"role": "ccm"})
        take_new_list(room)
        answer = late.ask_tvs(TrustRole.CCM)
        must(answer.status is TvsStatus.VALID and TrustRole.CCM in answer.roles, f"TVS says {answer}")
    with story.step("The recovery key is changed: the new one is made as the first was, and SAST 1 tells the phones."):
        made = room.ask("trust", "rotate", "sast-2", "--to", str(room.second_recovery), "--yes")
        room.environment["RINGFENCE_RECOVERY_PASSPHRASE"] = made["passphrase"]
        take_new_list(room)
    with story.step("SAST 1 is lost at the hub. By the recovery file there is another, which the phones believe."):
        room.lose_key("sast-1")
        room.ringfence("trust", "recover", str(room.second_recovery), "--yes")
        take_new_list(room)


def take_new_list(room: PhoneRoom) -> None:
    """Publish, and have every phone take a list that a key of its last one signed, and open its file after that."""
    room.publish()
    boot(room)
    for phone in room.phones:
        (taken,) = phone.said(ListTaken)
        must(not taken.is_first, f"the {phone.model} took {taken}")
        must(bool(phone.said(Decrypted)), f"the {phone.model} opened nothing: {phone.steps}")
    room.wait_until("every phone's list", lambda row: row["has_newest_list"])


def steal(story: Story, room: PhoneRoom) -> None:
    """Search the disk of a stolen edge."""
    with story.step("The edge is stolen, and its whole disk is searched for the phones' SIP secrets."):
        room.stop_edge()
        found = search(room.disk.taken(), room.secrets())
        must(not found, f"found: {'; '.join(map(str, found))}")
    story.note(f"nothing in what it has{', and in what was deleted on it' * room.disk.is_whole}")


def be_hostile(story: Story, room: PhoneRoom) -> None:
    """Have a hostile edge in the place of the stolen one."""
    with (
        story.step(
            "A hostile edge takes its place, with a list of its own and files that it has signed. No phone believes it."
        ),
        room.hostile_edge(),
    ):
        faults = room.boot()
        for phone in room.phones:
            must(bool(faults[phone.model]), f"the {phone.model} took its file")
            must(len(phone.said(ListRefused)) == 1, f"the {phone.model} did not refuse the list: {phone.steps}")
            must(phone.label == f"Desk {phone.model}", f"the {phone.model} shows {phone.label!r}")
    phone = room.phones[0]
    story.note(f"the {phone.model}: {phone.said(ListRefused)[0].reason}")
    story.note(f"the {phone.model}: {faults[phone.model]}")


def let_go(story: Story, room: PhoneRoom, phone: DeskPhone) -> None:
    """Let a phone go that is sold."""
    room.start_edge()
    with story.step(f"The {phone.model} is sold. It is let go, and boots: it takes a list without keys for files."):
        room.ringfence("trust", "release", str(phone.mac), "--yes")
        room.publish()
        boot(room, phone)
        (taken,) = phone.said(ListTaken)
        must(taken.lets_go, f"it took {taken}")
        room.wait_until("it to be released", lambda row: row["model"] != phone.model or row["state"] == "released")
    story.note(states(room))
    room.stop_edge()
    with (
        story.step(f"At the hostile edge, the {phone.model} takes what it finds now; the others still don't."),
        room.hostile_edge(),
    ):
        faults = room.boot()
        must([model for model, fault in faults.items() if not fault] == [phone.model], f"who took files: {faults}")
        must(phone.label == LABEL, f"it shows {phone.label!r}")


def boot(room: PhoneRoom, *phones: DeskPhone) -> None:
    """Boot phones, all if none is named, each of which must take a configuration."""
    faults = {model: fault for model, fault in room.boot(phones or None).items() if fault}
    must(not faults, f"phones did not boot: {faults}")


def states(room: PhoneRoom) -> str:
    """Return what the hub says of each phone."""
    return "trust status: " + ", ".join(f"{model} {row['state']}" for model, row in room.status().items())


def tell(story: Story, room: PhoneRoom) -> None:
    """Tell the story."""
    set_up(story, room)
    make_keys(story, room)
    sign(story, room)
    encrypt(story, room)
    change_keys(story, room)
    steal(story, room)
    be_hostile(story, room)
    let_go(story, room, room.phones[2])


def main() -> int:
    """Tell the story."""
    if lacks := lacking(NEEDED):
        sys.stderr.write(f"The story of phones' own keys needs more: {lacks}.\n")
        return EnvironmentFault.exit_code
    try:
        with built(PhoneRoom) as room:
            tell(Story(), room)
    except (StoryBroken, RingfenceError) as broken:
        sys.stderr.write(f"The story failed: {broken}\n")
        return 1
    print("Every step worked as described.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
