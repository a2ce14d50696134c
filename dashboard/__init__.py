"""People watching workflows and acting on them: pages, forms and the live connection."""
