"""``make demo``: tells the story of an edit at the hub that reaches a phone through an enrolled edge, on loopback.

Every step is a real command or a real packet. If a result is not what its step says, the story ends with status 1.
"""

import shutil
import sys
import time
from pathlib import Path

from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import Stack, StoryBroken, free_port, running_stack, wait_for
from story import Story, must

FOLDER = Path(__file__).parent / ".run"
SITE = "home-office-anna"
ANNAS_9971 = "00:1B:54:C2:9A:10"
ANNAS_8941 = "00:1B:54:C2:9A:11"
WAREHOUSE_PHONE = "00:1B:54:C2:9A:20"


def set_up(story: Story, stack: Stack) -> None:
    """Create a hub, a site with two phones, and an edge."""
    with story.step("A hub is created and started. The command line logs in with its first API token."):
        stack.make_hub()
    with story.step("Site “Home office Anna” gets a Cisco 9971 and an 8941. Another site, “Warehouse”, gets a 9971."):
        stack.run("set", "organisation", "sip_server=sip.example.org", "time_zone=Europe/Berlin")
        for name, mac, family, label in (
            ("Home office Anna", ANNAS_9971, "9971", "Anna"),
            ("Home office Anna", ANNAS_8941, "8941", "Kitchen"),
            ("Warehouse", WAREHOUSE_PHONE, "9971", "Gate"),
        ):
            site = name.lower().replace(" ", "-")
            if site not in {row["id"] for row in stack.ask("site", "list")}:
                stack.run("site", "add", name)
            stack.run("phone", "add", mac, "--site", site, "--model", family, "--description", label)
            user = str(200 + int(mac[-2:], 16))
            stack.run("line", "set", mac, "1", "--name", user, "--label", label, "--display-name", label)
            stack.run("set", "phone", mac, f"sip_listen_port={free_port()}")
    with story.step(
        "The site lowers its levels to secret=L1,configuration=L1, because loopback can't prove a phone's MAC address."
    ):
        stack.trust_loopback(SITE)
    with story.step("The first publish renders, checks and signs a release for each site."):
        published = stack.ask("publish", "--comment", "first")
        must({row["release"] for row in published["sites"]} == {1}, f"not release 1 for each site: {published}")
        must(len(published["sites"]) == 2, f"not two sites: {published}")  # noqa: PLR2004 - Anna's and the warehouse
    with story.step("An edge joins Anna's site with a one-time token and fetches the release."):
        stack.enrol_edge(SITE)
        stack.start_edge()
        wait_for("release 1 at the edge", lambda: stack.edge_status().get("release") == 1)


def tell(story: Story, stack: Stack) -> None:
    """Tell the story."""
    set_up(story, stack)
    with story.step("Both phones boot over TFTP and load their configuration."):
        phone, other = stack.phone(ANNAS_9971, "9971"), stack.phone(ANNAS_8941, "8941")
        labels = [device.wait_for("holds")["lines"][0]["label"] for device in (phone, other)]
        must(labels == ["Anna", "Kitchen"], f"the phones show {labels}")
    story.note(f"they show: {', '.join(labels)}")
    with story.step("The operator changes the label of Anna's line. A dry run shows the difference."):
        stack.run("line", "set", ANNAS_9971, "1", "--label", "Anna B.")
        planned = stack.ask("publish", "--dry-run")
        (site,) = planned["sites"]
        (file,) = site["files"]
        must(file["name"] == "SEP001B54C29A10.cnf.xml", f"another file changes: {file['name']}")
        changed = [line for line in file["diff"].splitlines() if line[:1] in "+-" and "abel" in line]
        must(bool(changed), f"the difference does not show the label: {file['diff']}")
    story.note("\n".join(changed))
    begun = time.monotonic()
    with story.step(
        "The operator publishes. The edge fetches the release and sends a SIP NOTIFY, and the phone boots again."
    ):
        stack.ask("publish", "--comment", "Anna married")
        phone.wait_for("notified")
        held = phone.wait_for("holds")
        must(held["lines"][0]["label"] == "Anna B.", f"the phone shows {held}")
    story.note(f"the phone shows “Anna B.” {time.monotonic() - begun:.2f} s after the operator pressed Enter")
    with story.step("The edge reports to the hub what the phones did."):
        wait_for(
            "the report of the reload",
            lambda: any(row["kind"] == "phone-reloaded" for row in stack.ask("report", "list", "--site", SITE)),
        )
    with story.step("The hub is stopped."):
        stack.stop(stack.hub)
    with story.step("A phone still boots, from the edge."):
        again = stack.phone(ANNAS_8941, "8941", "--once")
        must(again.wait_for("holds")["lines"][0]["label"] == "Kitchen", "the phone holds something else")
        must(again.process.wait(120) == 0, "the phone ended with an error")
    with story.step("A stranger asks the edge for the warehouse phone's file and is refused."):
        wanted = "SEP001B54C29A20.cnf.xml"
        try:
            fetch(stack.tftp, wanted)
        except FileRefused as refused:
            answer = str(refused)
        else:
            raise StoryBroken("the stranger got the file")
        reason = wait_for("the reason in the edge's log", lambda: _line_with(stack.edge_log(), wanted))
        must("Home office Anna" in reason, f"the log gives no reason: {reason}")
    story.note(f"on the wire: {answer}")
    story.note(f"in the log:  {reason}")


def _line_with(log: str, name: str) -> str | None:
    lines = [line for line in log.splitlines() if name in line and "efused" in line]
    return lines[-1] if lines else None


def main() -> int:
    """Tell the story; with --keep, leave everything running until Ctrl-C."""
    keep = "--keep" in sys.argv[1:]
    shutil.rmtree(FOLDER, ignore_errors=True)
    with running_stack(FOLDER) as stack:
        try:
            tell(Story(), stack)
        except StoryBroken as broken:
            print(f"The demo failed: {broken}\nThe logs are in {FOLDER}.", file=sys.stderr)
            return 1
        print("Every step worked as described.")
        if keep:
            stack.start_hub()
            print("\nStill running, until Ctrl-C:")
            link = stack.ask("hub", "sign-in-link", str(stack.hub_folder))["link"]
            print(f"  hub's pages       {link}")
            print("                    (good once, for ten minutes; another: ringfence hub sign-in-link)")
            print(f"  hub's API         {stack.people_url}/openapi.json")
            print(f"  API token         {stack.token}")
            print(f"  edge, TFTP        {stack.tftp[0]}:{stack.tftp[1]}")
            print(f"  its status        ringfence edge status --folder {stack.edge_folder}")
            print(f"  command line      export XDG_CONFIG_HOME={stack.environment['XDG_CONFIG_HOME']}")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                print("\nStopping.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
