"""Who may read a key: what a definition declares, what it does not, and what nobody here knows."""

from __future__ import annotations

from typing import Any

import pytest

from workflows import registry, visibility
from workflows.durable import workflow
from workflows.errors import InvalidVisibility, PayloadError
from workflows.visibility import Visibility


@pytest.fixture(autouse=True)
def definition(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One that declares a key of each kind, known for as long as a test takes."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    @workflow(name="declaring", keys={"phase": "public", "note": "staff", "email": "admin", "card": "never"})
    def declaring() -> None:
        """Nothing."""

    return declaring


def shown(key: str, definition: str = "declaring") -> list[str]:
    return [str(one) for one in (None, *Visibility) if visibility.is_shown(definition, key, one)]


def test_each_level_is_read_by_those_who_may_read_as_much_and_never_by_nobody() -> None:
    assert shown("phase") == ["public", "staff", "admin", "never"]
    assert shown("note") == ["staff", "admin", "never"]
    assert shown("email") == ["admin", "never"]
    assert shown("card") == []


def test_what_is_not_declared_is_for_staff_and_of_an_unknown_definition_for_admins() -> None:
    assert visibility.of("declaring", "other") is Visibility.STAFF
    assert visibility.of("nobody-knows-it", "phase") is Visibility.ADMIN


@pytest.mark.parametrize("level", ["", "Public", "everybody", None, 3, "pub\x00lic", "\ud800"])
def test_a_level_that_nobody_knows_is_refused_with_the_key_and_the_levels_there_are(level: Any) -> None:
    with pytest.raises(
        InvalidVisibility, match=r"key 'email' of definition 'odd'.*'public', 'staff', 'admin', 'never'"
    ):
        workflow(name="odd", keys={"email": level})(lambda: None)
    assert "odd" not in registry.names()


def test_what_is_no_dict_and_what_cannot_be_a_key_is_refused() -> None:
    with pytest.raises(InvalidVisibility, match="a dict"):
        workflow(name="odd", keys=["email"])(lambda: None)  # type: ignore[call-overload]
    with pytest.raises(PayloadError, match="control characters"):
        workflow(name="odd", keys={"a\nb": "admin"})(lambda: None)
