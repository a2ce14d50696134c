"""Read-only inspection in Django's admin, fast with millions of rows: no COUNT, pages found by their last row.

`keyset` pages, `filters` narrows by indexes, `shown` makes HTML, `inspection` is what all pages have in common.
What the admin changes, it changes through `operations`, `schedules` and `webhooks`.
"""

from dashboard.admin import (
    audit_page,
    deletion_page,
    parts,
    saved_view_page,
    schedule_page,
    token_page,
    webhook_page,
    worker_page,
    workflow_page,
)

__all__ = [
    "audit_page",
    "deletion_page",
    "parts",
    "saved_view_page",
    "schedule_page",
    "token_page",
    "webhook_page",
    "worker_page",
    "workflow_page",
]
