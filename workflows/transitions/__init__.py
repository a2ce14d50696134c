"""Every change of a workflow's status: guarded by the status and token believed in, together with its event.

The only writer of `status`. Which statuses a change may start from stands in `states.TRANSITIONS`.
"""

from workflows.transitions.claiming import Claim, claim, claim_next, next_start
from workflows.transitions.ending import Ended, cancel, cancel_overdue, fail, refused, resume, succeed
from workflows.transitions.forking import fork, note
from workflows.transitions.releasing import Released, hand_back, let_go, release_expired, release_held_by
from workflows.transitions.starting import Beginning, TakenMeanwhile, debounce, start, start_child
from workflows.transitions.waking import Woken, message_sent, suspend, wake, wake_due

__all__ = [
    "Beginning",
    "Claim",
    "Ended",
    "Released",
    "TakenMeanwhile",
    "Woken",
    "cancel",
    "cancel_overdue",
    "claim",
    "claim_next",
    "debounce",
    "fail",
    "fork",
    "hand_back",
    "let_go",
    "message_sent",
    "next_start",
    "note",
    "refused",
    "release_expired",
    "release_held_by",
    "resume",
    "start",
    "start_child",
    "succeed",
    "suspend",
    "wake",
    "wake_due",
]
