"""The HTTP map of the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm
from django.urls import include, path

handler500 = "config.errors.broken"


class SignInForm(AuthenticationForm):
    """Says what is wrong in the words of the page."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "The name or the password is wrong. Capital letters matter in both."
    }


class SignIn(auth.LoginView):
    """The form, and the way to the provider if there is one."""

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what the provider is called."""
        provider = settings.OIDC_NAME if settings.OIDC_ISSUER and settings.OIDC_AVAILABLE else ""
        return super().get_context_data(provider=provider, **kwargs)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("examples/", include("examples.urls")),
    path("", include("dashboard.embed_urls")),
    path("", include("dashboard.urls")),
]

if settings.OIDC_AVAILABLE:
    from config import single_sign_on  # needs the library

    _provider = {"provider_id": single_sign_on.PROVIDER}
    urlpatterns[:0] = [
        path("sso/login/", single_sign_on.login, _provider, name="openid_connect_login"),
        path("sso/login/callback/", single_sign_on.callback, _provider, name="openid_connect_callback"),
    ]
