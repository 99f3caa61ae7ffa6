"""The server that most clauses are shown on: one worker for all, each test with phones of its own."""

from collections.abc import Iterator

import pytest

from conformance.transcripts import content_of
from support.tftp_servers import SupervisedWorker

MAC = "001122334455"
NAME = f"SEP{MAC}.cnf.xml"
SIZES = (0, 1, 511, 512, 513, 600, 1024, 2000, 100_000)
FILES = {
    NAME: content_of(600),
    "text": b"a" * 511 + b"\n" + b"b" * 509 + b"\rc",
    **{f"f{size}": content_of(size) for size in SIZES},
}


@pytest.fixture(scope="session")
def server() -> Iterator[SupervisedWorker]:
    with SupervisedWorker(FILES) as served:
        yield served
