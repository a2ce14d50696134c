"""`manage.py workflow start | list | show | watch | send | cancel | resume | fork | restart | delete | pin | unpin
| export | replay | schedules | queues | workers | counts | prune | audit`.

Exit codes: 0 done; 1 the workflow failed or the engine refused; 2 bad usage, or no such workflow, definition or
schedule; 3 the time was over and the workflow goes on; 4 it was deleted while it was watched; 5 the database or the
console cannot be reached, or does not let you watch; 130 interrupted, and the workflow goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from workflows import finding, operations, queries
from workflows.audit import Carrier, Origin, asked_through
from workflows.errors import (
    CannotWatch,
    InvalidInput,
    InvalidSchedule,
    InvalidWorkflowId,
    PayloadError,
    ResultTimeout,
    ScheduleNotFound,
    TelltaleError,
    UnknownDefinition,
    WorkflowGone,
    WorkflowNotFound,
)
from workflows.management import (
    arguments,
    auditing,
    exporting,
    operating,
    reports,
    schedule_verbs,
    terminal,
    watching,
    workflow_verbs,
)
from workflows.management.screens import JsonLines, Lines, LiveScreen, Screen
from workflows.management.terminal import Paint
from workflows.reader import Cursor
from workflows.states import Status

_HELP = __doc__  # inside the class the name means the class's own
REFUSED, USAGE, TIMEOUT, GONE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 130
_USAGE_ERRORS = (
    WorkflowNotFound, ScheduleNotFound, UnknownDefinition, InvalidInput, InvalidSchedule, InvalidWorkflowId,
    PayloadError,
)  # fmt: skip


class Command(BaseCommand):
    """Parses, makes one call, prints. What things mean is `operations`' and `queries`' matter."""

    help = _HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the lines of the help as they are written."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """One subparser per verb."""
        verbs = parser.add_subparsers(
            dest="verb", required=True, metavar="VERB", parser_class=arguments.Intermixed
        )  # fmt: skip
        start = self._verb(verbs, "start", "start a workflow", self.do_start)
        start.add_argument("definition")
        start.add_argument("pairs", nargs="*", type=arguments.pair, metavar="key=value", help="value: JSON, else text")
        start.add_argument("--input", type=arguments.json_input, help="arguments as a JSON object or array")
        start.add_argument("--id", dest="workflow_id", help="starting an id twice gives the same workflow")
        workflow_verbs.add_options(start)
        start.add_argument("--watch", action="store_true", help="then watch it to its end")
        self._add_timeout(start)
        listing = self._verb(verbs, "list", "list workflows, newest first", self.do_list)
        listing.add_argument("--status", action="append", default=[], choices=[status.value for status in Status])
        listing.add_argument("--definition", default="")
        listing.add_argument("--search", default="", help="an id, or the beginning of one")
        listing.add_argument("--limit", type=arguments.page_size, default=20)
        listing.add_argument("--before", type=arguments.cursor, help="continue where a list ended")
        self._add_one_workflow(verbs)
        schedule_verbs.add_verbs(self._verb(verbs, "schedules", "what starts by itself", self.do_schedules))
        for more in (exporting, operating, auditing):
            more.add_verbs(lambda name, words, answer: self._verb(verbs, name, words, self._printing(answer)))

    def _printing(self, answer: operating.Answer) -> Callable[..., None]:
        return lambda **options: self._print(answer(**options, paint=self.paint))

    def _add_one_workflow(self, verbs: Any) -> None:
        show = self._verb(verbs, "show", "show a workflow: input, values, steps, history", self.do_show)
        show.add_argument("workflow_id")
        show.add_argument("--events", type=arguments.page_size, default=20, help="how much of the history")
        watch = self._verb(verbs, "watch", "follow a workflow until it ends", self.do_watch)
        watching.add_options(watch)
        self._add_timeout(watch)
        workflow_verbs.add_verbs(verbs, self._verb, self.do_verb)
        send = self._verb(verbs, "send", "put a message into a workflow's inbox", self.do_send)
        send.add_argument("workflow_id")
        send.add_argument("topic")
        send.add_argument("message", type=arguments.json_or_text, help="JSON, else text")
        send.add_argument("--idempotency-key", help="sending it twice delivers it once")

    def _verb(self, verbs: Any, name: str, help_text: str, run: Callable[..., None]) -> CommandParser:
        parser: CommandParser = verbs.add_parser(name, help=help_text, description=help_text)
        parser.add_argument("--json", action="store_true", dest="as_json", help="for scripts: JSON on standard output")
        parser.set_defaults(run=run)
        return parser

    @staticmethod
    def _add_timeout(parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=arguments.seconds, help="seconds to watch; it goes on afterwards")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one verb, and turn what may go wrong into exit codes."""
        self.paint = Paint(enabled=self.stdout.isatty() and not options["no_color"] and "NO_COLOR" not in os.environ)
        try:
            with asked_through(lambda: Origin(Carrier.COMMAND)):
                options["run"](**options)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except WorkflowGone as error:
            self._fail(error, GONE)
        except (CannotWatch, OperationalError, InterfaceError) as error:
            self._fail(error, UNREACHABLE)
        except _USAGE_ERRORS as error:
            self._fail(error, USAGE)
        except ResultTimeout as error:
            self._fail(error, TIMEOUT)
        except (TelltaleError, ValueError) as error:
            self._fail(error, REFUSED if isinstance(error, TelltaleError) else USAGE)

    def _fail(self, error: Exception, code: int) -> NoReturn:
        raise CommandError("\n".join(terminal.plain_lines(str(error))), returncode=code) from error

    def do_start(
        self, *, definition: str, pairs: list[tuple[str, Any]], input: Any, workflow_id: str | None,
        watch: bool, timeout: float | None, as_json: bool, **given: Any,
    ) -> None:  # fmt: skip
        """Start, and say the id."""
        args, kwargs = arguments.arguments(pairs, input)
        started = operations.start(
            definition,
            args=args,
            kwargs=kwargs,
            workflow_id=workflow_id,
            options=workflow_verbs.options(given),
            by=arguments.operator(),
        )
        if not watch:
            self._answer({"id": started.id, "status": started.status}, terminal.plain(started.id), as_json=as_json)
        else:
            self.do_watch(workflow_id=started.id, timeout=timeout, as_json=as_json)

    def do_list(
        self, *, status: list[str], definition: str, search: str, limit: int, before: Any, as_json: bool, **_: Any
    ) -> None:
        """One page."""
        page = finding.workflow_page(statuses=status, definition=definition, search=search, before=before, limit=limit)
        self._print(reports.list_document(page) if as_json else reports.list_lines(page, self.paint))

    def do_show(self, *, workflow_id: str, events: int, as_json: bool, **_: Any) -> None:
        """One workflow."""
        workflow = queries.get_workflow(workflow_id)
        document = reports.show_document(workflow, events) if as_json else None
        self._print(document or reports.show_lines(workflow, events, self.paint))

    def do_watch(
        self, *, workflow_id: str, timeout: float | None, as_json: bool, at: Cursor | None = None,
        server: str | None = None, user: str | None = None, **_: Any,
    ) -> None:  # fmt: skip
        """Follow it, then exit as it ended."""
        screen = self._screen(as_json=as_json)
        cursor, outcome = watching.watch(workflow_id, screen, at=at, timeout=timeout, server=server, user=user)
        if as_json:
            self._print({"t": "end", "cursor": str(cursor), **outcome._asdict()})
        else:
            self._print(reports.outcome_lines(outcome, self.paint))
        if outcome.status != Status.SUCCEEDED:
            sys.exit(REFUSED)

    def _screen(self, *, as_json: bool) -> Screen:
        if as_json:
            return JsonLines(self.stdout, self.stderr)
        if self.stdout.isatty():
            return LiveScreen(self.stdout, self.paint)
        return Lines(self.stdout, self.stderr, self.paint)

    def do_verb(self, *, as_json: bool, **options: Any) -> None:
        """Stop, resume, copy, remove or pin: one or many."""
        told = workflow_verbs.documents(**options)
        if not as_json:
            self._print(workflow_verbs.lines(told))
            return
        for document in told:
            self._print(document)

    def do_send(
        self, *, workflow_id: str, topic: str, message: Any, idempotency_key: str | None, as_json: bool, **_: Any
    ) -> None:
        """Deliver a message."""
        sent = operations.send(workflow_id, topic, message, by=arguments.operator(), idempotency_key=idempotency_key)
        self._answer({"id": workflow_id, "message": sent.pk}, f"Message {sent.pk} sent.", as_json=as_json)

    def do_schedules(self, *, act: Callable[..., schedule_verbs.Printed], **options: Any) -> None:
        """One verb about schedules."""
        self._print(act(paint=self.paint, **options))

    def _answer(self, document: dict[str, Any], line: str, *, as_json: bool) -> None:
        self._print(document if as_json else [line])

    def _print(self, output: dict[str, Any] | Iterable[str]) -> None:
        lines = [json.dumps(output, default=str)] if isinstance(output, dict) else output
        for line in lines:
            self.stdout.write(line)
