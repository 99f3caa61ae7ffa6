"""An edge for whoever watches many machines: ``/metrics`` for Prometheus, ``/healthz``, ``/readyz``, on this machine.

Healthy is an edge whose worker runs; ready is one that serves a release. An edge without its hub is both: phones boot.
"""

import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ringfence import __version__
from ringfence.edge.reporting.status import Status
from ringfence.server.io.loop import Loop
from ringfence.server.standalone.metrics import CONTENT_TYPE
from ringfence.server.standalone.metrics_page import LocalPage, LocalPages

FAMILIES: Mapping[str, str] = {
    "ringfence_edge_info": "Always 1; the labels show the running version, the edge and its site.",
    "ringfence_edge_connected": "Whether the hub's event stream is open.",
    "ringfence_edge_problem": "Whether the edge says a problem; `ringfence edge status` says which.",
    "ringfence_edge_last_contact_timestamp_seconds": "When something came from the hub last, in Unix time.",
    "ringfence_edge_confirmed_timestamp_seconds": "When the hub confirmed the served release last, in Unix time.",
    "ringfence_edge_release": "The release that is served; 0 for none.",
    "ringfence_edge_files": "Files of that release.",
    "ringfence_edge_phones": "Phones that have taken their configuration here.",
    "ringfence_edge_reports_waiting": "Reports that the hub does not have yet.",
    "ringfence_edge_certificate_ends_timestamp_seconds": "When the edge's certificate ends, in Unix time.",
    "ringfence_edge_disk_free_bytes": "Room on the disk that the edge's folder is on.",
    "process_start_time_seconds": "When the edge started, in Unix time.",
}
"""Each metric, all of them gauges, with what it says."""


def pages(status: Callable[[], Status], folder: Path) -> Mapping[bytes, Callable[[], LocalPage]]:
    """Return what is told under which path."""
    return {
        b"/metrics": lambda: LocalPage("200 OK", metrics(status(), shutil.disk_usage(folder).free), CONTENT_TYPE),
        b"/healthz": lambda: _says(bool(status().worker_pid), "The worker runs.", "No worker runs."),
        b"/readyz": lambda: _says(bool(status().release), "A release is served.", "No release is served yet."),
    }


def metrics(status: Status, disk_free_bytes: int) -> bytes:
    """Return the page for Prometheus (text format 0.0.4)."""
    labels = f'{{version="{__version__}",edge="{status.edge_id}",site="{status.site_id}"}}'
    values = {
        "ringfence_edge_info": 1.0,
        "ringfence_edge_connected": bool(status.connected_since),
        "ringfence_edge_problem": bool(status.problem),
        "ringfence_edge_last_contact_timestamp_seconds": status.last_contact,
        "ringfence_edge_confirmed_timestamp_seconds": status.confirmed_at,
        "ringfence_edge_release": status.release,
        "ringfence_edge_files": status.files,
        "ringfence_edge_phones": len(status.phones),
        "ringfence_edge_reports_waiting": status.reports_waiting,
        "ringfence_edge_certificate_ends_timestamp_seconds": status.certificate_ends_at,
        "ringfence_edge_disk_free_bytes": disk_free_bytes,
        "process_start_time_seconds": status.started_at,
    }
    lines = []
    for name, what in FAMILIES.items():
        shown = labels if name == "ringfence_edge_info" else ""
        lines += [f"# HELP {name} {what}", f"# TYPE {name} gauge", f"{name}{shown} {float(values[name]):.15g}"]
    return "\n".join([*lines, ""]).encode()


class LocalPagesThread:
    """Answers on ``listeners``, which it takes over, from ``start`` to ``close``; without any it does nothing."""

    def __init__(self, listeners: Sequence[socket.socket], told: Mapping[bytes, Callable[[], LocalPage]]) -> None:
        self._listeners = listeners
        self._told = told
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pages", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        if self._listeners:
            self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
        for listener in self._listeners:
            listener.close()

    def _run(self) -> None:
        loop = Loop(accelerated=False)
        answering = LocalPages(loop, self._told)
        for listener in self._listeners:
            answering.listen(listener)
        while not self._is_over.is_set():
            loop.turn()
        answering.close()
        loop.close()


def _says(is_so: bool, yes: str, no: str) -> LocalPage:
    status, sentence = ("200 OK", yes) if is_so else ("503 Service Unavailable", no)
    return LocalPage(status, f"{sentence}\n".encode())
