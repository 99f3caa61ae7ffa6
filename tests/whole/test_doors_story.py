"""``make doors`` tells its three stories to the end."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "demo" / "doors.py"
TITLES = ("Phones by HTTPS", "The phone's own VPN", "A portable bundle")


@pytest.mark.slow
def test_the_stories_are_told_to_the_end() -> None:
    told = subprocess.run([sys.executable, SCRIPT], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert [title for title in TITLES if f"\n{title}\n" not in told.stdout] == []
    assert "Every step worked as described" in told.stdout
