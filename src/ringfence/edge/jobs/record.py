"""Which jobs this edge has begun, on the disk: none is done twice, and each is answered, also after a restart."""

import threading
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

KEPT = 200


class BegunJob(Struct, frozen=True):
    """A job that was begun at ``at`` (Unix seconds), in which boot of the machine, and after how long.

    ``is_open`` says that it has not ended.
    """

    number: str
    kind: str = ""
    attempt: str = ""
    at: float = 0.0
    boot: str = ""
    up_s: float = 0.0
    is_open: bool = True


class BegunJobs(Struct, frozen=True):
    """The newest of them, the oldest first."""

    jobs: tuple[BegunJob, ...] = ()


class JobRecord:
    """Knows which jobs were begun; safe to use from any thread."""

    def __init__(self, folder: EdgeFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        try:
            kept = codec.from_json(BegunJobs, folder.disk.read(folder.jobs_file) or b"{}").jobs
        except (BadMessage, EnvironmentFault):
            kept = ()
        self._jobs = {job.number: job for job in kept[-KEPT:]}

    def knows(self, number: str) -> bool:
        """Return whether a job was begun."""
        with self._lock:
            return number in self._jobs

    def open_jobs(self) -> Sequence[BegunJob]:
        """Return those that were begun and not ended."""
        with self._lock:
            return [job for job in self._jobs.values() if job.is_open]

    def newest(self, kind: str) -> BegunJob | None:
        """Return the last job of a kind that was begun."""
        with self._lock:
            return next((job for job in reversed(self._jobs.values()) if job.kind == kind), None)

    def begin(self, job: BegunJob) -> None:
        """Note that a job begins; it is known in any case.

        Raises:
            DiskFull, DiskFault: It could not be written down, and would be forgotten by a restart.
        """
        with self._lock:
            self._jobs[job.number] = job
            for number in list(self._jobs)[:-KEPT]:
                del self._jobs[number]
            self._write()

    def end(self, number: str) -> None:
        """Note that a job has ended, or was refused. DiskFull, DiskFault."""
        with self._lock:
            job = self._jobs.get(number, BegunJob(number))
            if job.is_open:
                self._jobs[number] = replace(job, is_open=False)
                self._write()

    def _write(self) -> None:
        self._folder.disk.replace(self._folder.jobs_file, codec.to_json(BegunJobs(tuple(self._jobs.values()))))
