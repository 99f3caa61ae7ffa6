"""What a page says was done just now, by the word that its address holds: nobody else's words are ever shown."""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "saved": "Saved.",
    "site-created": "The site is created. Now its edge can join.",
    "created": "Created.",
    "removed": "Removed.",
    "chosen": "Every page is about this organisation now.",
    "phone-added": "The phone is added. Give it its first line.",
    "told": "The order is sent. Whether the phone obeys is seen by what it fetches.",
    "told-in-room": "The order goes out through the phone's edge, in its room.",
    "let-in": "The phone is let in.",
    "template-stored": "The template is stored. The next publish uses it; look at what it would change first.",
    "taken": "The message was taken.",
    "banned": "The address is banned.",
    "approved": "Approved. The next edit ends the approval.",
    "published": "The edits are made and published.",
    "rolled-back": "The site has a new release with the old content, and is held.",
    "rollout-begun": "The rollout has begun. This page follows it.",
    "rollout-paused": "Paused: no further site is published.",
    "rollout-resumed": "It goes on.",
    "rollout-cancelled": "It is ended: what is published stays, and no site is held for it any more.",
    "rollout-retried": "It waits once more for the phones that failed.",
    "rotation-begun": "Begun. Each phone goes on by itself; this page follows.",
    "closed": "Closed. A new alert opens if the same happens again.",
    "revoked": "Revoked.",
    "password": "Your password is changed. Your other sessions have ended.",
    "second-step-removed": "You sign in by your password alone now.",
    "session-ended": "Ended: the next request from there needs a sign-in.",
}
