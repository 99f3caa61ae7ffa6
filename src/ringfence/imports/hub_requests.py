"""The port to a hub: requests of its API, which an import makes over the network, or inside of the hub itself."""

from collections.abc import Iterator
from typing import Any, Protocol

from ringfence.errors import BadInput, Conflict, EnvironmentFault, NotFound, NotPermitted, RingfenceError

Json = dict[str, Any]
"""Any: JSON of the API."""

_FIRST_ERROR = 400
FAMILY_OF_STATUS: dict[int, type[RingfenceError]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    422: BadInput,
    503: EnvironmentFault,
}
"""The error family, and so the exit code, of each status that the people's API answers with."""


class HubRequests(Protocol):
    """Requests in somebody's name. All raise a RingfenceError of the family of the hub's answer."""

    def get(self, path: str, **query: str | int | None) -> Json:
        """Return what is at a path of the API."""
        ...

    def items(self, path: str, *, limit: int | None = None, **query: str | int | None) -> list[Json]:
        """Return all items of a list, or its first ``limit``."""
        ...

    def post(self, path: str, body: Json | None = None) -> Json:
        """Post a body; return the answer."""
        ...

    def upload(self, path: str, parts: Iterator[bytes]) -> Json:
        """Send a file's bytes."""
        ...


def require_success(status: int, answer: Json) -> Json:
    """Return an answer of the API.

    Raises:
        RingfenceError: It is a problem; the error is of its status's family, and says the same.
    """
    if status < _FIRST_ERROR:
        return answer
    raise FAMILY_OF_STATUS.get(status, RingfenceError)(
        answer.get("what", f"the hub answered with status {status}"),
        where=answer.get("where", ""),
        to_do=answer.get("to_do", ""),
    )
