"""The HTTP map of the site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "Telltale"
admin.site.index_title = "Records"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("examples/", include("examples.urls")),
    path("", include("dashboard.embed_urls")),
    path("", include("dashboard.urls")),
]
