"""System checks of the project's own settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("config")
def check_single_sign_on(**_: Any) -> list[CheckMessage]:
    """An issuer needs the library, and the name under which it knows this site."""
    if not settings.OIDC_ISSUER:
        return []
    if not settings.OIDC_AVAILABLE:
        return [Error("TELLTALE_OIDC_ISSUER is set, but django-allauth is not installed: nobody could sign in with it.",
                      hint="Install requirements-extras.txt and run manage.py migrate, or unset it.",
                      id="config.E001")]  # fmt: skip
    if not settings.OIDC_CLIENT_ID:
        hint = "Give the id and the secret that the provider has for this site."
        return [Error("TELLTALE_OIDC_ISSUER is set, but TELLTALE_OIDC_CLIENT_ID is not.", hint=hint, id="config.E002")]
    return []
