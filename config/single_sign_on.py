"""Signing in through an OpenID Connect provider, by settings. Needs requirements-extras (django-allauth).

Only signing in: accounts, passwords and their pages stay Django's. An account is known again by the provider's own id
of it; a local account that happens to have the same name or e-mail address is another one.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group, User
from django.db import DataError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

PROVIDER = "sso"
_NOT_REACHED = "The provider does not answer."
_NOT_DONE = "The provider did not confirm who you are, or you came back too late."
_CLOSED = "Your account here is closed."


class Provider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """The one provider, of the settings."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, PROVIDER)

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> Any:
        """With the signature of what it says checked, too, although it came from the provider itself."""
        data = super().get_access_token_data(*args, **kwargs)
        self.did_fetch_access_token = False
        return data


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Whom allauth asks about accounts."""

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """A closed account stays closed, whoever confirms it."""
        return failed(request, _CLOSED)


class SocialAccounts(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Whom allauth asks about accounts of the provider."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Who was here before has the groups that the provider says now."""
        if sociallogin.is_existing:
            _take_groups(sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Who is new gets an account without a password, and the groups."""
        user: User = super().save_user(request, sociallogin, form)
        _take_groups(sociallogin)
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        """One page for all that may go wrong."""
        raise ImmediateHttpResponse(failed(request, _NOT_DONE))


def _take_groups(sociallogin: SocialLogin) -> None:
    """The groups of the claim that exist here under the same name, and no others. Without the claim they stay."""
    told = sociallogin.account.extra_data
    claims = {**(told.get("id_token") or {}), **(told.get("userinfo") or {})}
    names = claims.get(settings.OIDC_GROUPS_CLAIM) if settings.OIDC_GROUPS_CLAIM else None
    if isinstance(names, list):
        wanted = [name for name in names if isinstance(name, str)]
        sociallogin.user.groups.set(Group.objects.filter(name__in=wanted))


def failed(request: HttpRequest, why: str) -> HttpResponse:
    """The page that says that nobody was signed in."""
    context = {"why": why, "provider": settings.OIDC_NAME}
    return render(request, "registration/sso_failed.html", context, status=403)


@require_safe
@never_cache
@login_not_required
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, and from there back to the callback."""
    return _asked(request, OAuth2LoginView)


@require_safe
@never_cache
@login_not_required
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider, with a code that it exchanges for who somebody is."""
    return _asked(request, OAuth2CallbackView)


def _asked(request: HttpRequest, view: Any) -> HttpResponse:
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        with transaction.atomic():
            response: HttpResponse = view.adapter_view(Provider(request))(request)
    except DataError:  # a name or claim that no table holds
        return failed(request, _NOT_DONE)
    except (RequestException, ValueError, KeyError):  # nobody there, or something else than a provider
        return failed(request, _NOT_REACHED)
    return response
