"""What the tests of a box's network share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """Return a folder like /run/ringfence-box: all may read it, as dnsmasq and the agent do."""
    made = Path(tempfile.mkdtemp(prefix="rf-box-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
