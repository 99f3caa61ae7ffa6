"""``make box`` tells its story to the end, and says what it lacks where it can't."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from world import world

SCRIPT = Path(__file__).parents[2] / "demo" / "box.py"
STEPS = (
    "is powered on and gets an address", "loads its configuration", "registers at the PBX", "A computer at the PC port",
    "which has it", "Both hear each other", "They go on talking", "the PBX hears no more of it", "after the order",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.needs("dnsmasq")
@pytest.mark.needs("busybox")
@pytest.mark.needs("wireguard")
@pytest.mark.needs("kamailio")
@pytest.mark.needs("sipp")
def test_the_story_is_told_to_the_end() -> None:
    told = subprocess.run([sys.executable, SCRIPT], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert [step for step in STEPS if step not in told.stdout] == []
    assert told.stdout.endswith("Every step worked as described.\n")


def test_what_it_lacks_is_told_by_the_names_of_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name, **_how: None if name in {"sipp", "nft"} else f"/usr/bin/{name}")
    assert world.missing() == "apt install nftables sip-tester; run it as root, for network namespaces"
