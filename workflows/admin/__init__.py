"""Read-only inspection in Django's admin, fast with millions of rows: no COUNT, pages found by their last row.

`keyset` pages, `filters` narrows by indexes, `shown` makes HTML, `inspection` is what all pages have in common.
What the admin changes, it changes through `operations`.
"""

from workflows.admin import parts, worker_page, workflow_page

__all__ = ["parts", "worker_page", "workflow_page"]
