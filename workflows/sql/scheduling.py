"""What is asked about all that schedules started."""

from __future__ import annotations

from typing import LiteralString

# In which minutes each of them started how many: by the index `workflow_of_schedule`, so many of each at most.
STARTS: LiteralString = """
SELECT started.minute, schedule.name, count(*)
FROM (SELECT name FROM workflows_schedule ORDER BY name LIMIT %(schedules)s) AS schedule
CROSS JOIN LATERAL (
    SELECT date_trunc('minute', created_at) AS minute FROM workflows_workflow AS w
    WHERE w.schedule = schedule.name AND created_at >= %(since)s ORDER BY created_at DESC LIMIT %(each)s
) AS started
GROUP BY 1, 2 ORDER BY 1, 2"""
