"""`manage.py api_token`: make, list and revoke the tokens of programs, where nobody is signed in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dashboard import api_tokens
from dashboard.api_tokens import Scope
from dashboard.models import ApiToken


class Command(BaseCommand):
    """Tokens of the API."""

    help = "Make, list and revoke API tokens. The secret of a new one is printed once, alone on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="make a token and print its secret")
        make.add_argument("user", help="the account that it acts for")
        make.add_argument("name", help="what uses it, and where")
        make.add_argument("--scope", action="append", choices=list(Scope), required=True, help="may be repeated")
        make.add_argument("--days", type=int, help="how long it lasts; without: until it is revoked")
        listing = verbs.add_parser("list", help="list the tokens in force")
        listing.add_argument("user", nargs="?", help="of this account only")
        revoke = verbs.add_parser("revoke", help="let a token open nothing any more")
        revoke.add_argument("user")
        revoke.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """One verb. Raises CommandError."""
        {"make": self._make, "list": self._list, "revoke": self._revoke}[options["verb"]](options)

    def _make(self, options: dict[str, Any]) -> None:
        try:
            made = api_tokens.make(_person(options), options["name"], options["scope"], days=options["days"])
        except api_tokens.Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(made.secret)

    def _list(self, options: dict[str, Any]) -> None:
        found = ApiToken.objects.in_force().select_related("owner").order_by("owner__username", "name")
        for token in found.filter(owner=_person(options)) if options["user"] else found:
            used = f"last used {token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never used"
            until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "until it is revoked"
            owner = token.owner.get_username()
            self.stdout.write(f"{owner}  {token.name}  {token.prefix}…  {','.join(token.scopes)}  {until}  {used}")

    def _revoke(self, options: dict[str, Any]) -> None:
        owner = _person(options)
        token = ApiToken.objects.in_force().filter(owner=owner, name=options["name"]).first()
        if token is None:
            raise CommandError(f"{options['user']} has no token named {options['name']!r} that is in force.")
        api_tokens.revoke(token.pk, owner=owner)
        self.stdout.write(f"Revoked {token.prefix}…")


def _person(options: dict[str, Any]) -> User:
    person = User.objects.filter(username=options["user"]).first()
    if person is None:
        raise CommandError(f"There is no account {options['user']!r}.")
    return person
