"""The stages of a phone's change of secrets, in their order; ``telephony/rotations.py`` says what happens in each."""

from enum import StrEnum


class RotationStage(StrEnum):
    """What a change of secrets waits for, or how it ended."""

    ACCEPTING = "accepting"
    PUBLISHING = "publishing"
    FETCHING = "fetching"
    REGISTERING = "registering"
    RESTORING = "restoring"
    REPUBLISHING = "republishing"
    REFETCHING = "refetching"
    ENDING = "ending"
    DONE = "done"
    ROLLED_BACK = "rolled-back"


GOING_BACK = frozenset({
    RotationStage.RESTORING, RotationStage.REPUBLISHING, RotationStage.REFETCHING, RotationStage.ENDING,
})  # fmt: skip
"""The phone gets its old secret back; what is not done yet is done once the PBX answers."""
GOING_FORWARD = frozenset({
    RotationStage.ACCEPTING, RotationStage.PUBLISHING, RotationStage.FETCHING, RotationStage.REGISTERING,
})  # fmt: skip
UNDER_WAY = GOING_FORWARD | GOING_BACK
