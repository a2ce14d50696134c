"""The addresses of widgets elsewhere. Everything here is for who has a token, and for nobody who signed in."""

from __future__ import annotations

from django.urls import path

from dashboard.views import embeds

app_name = "embed"

urlpatterns = [
    path("embed/v1/telltale.js", embeds.script, name="script"),
    path("embed/v1/telltale.<slug:digest>.js", embeds.edition, name="edition"),
    path("embed/state/", embeds.states, name="states"),
    path("embed/<str:token>/", embeds.page, name="page"),
    path("badge/<str:token>.shields.json", embeds.shields, name="shields"),
    path("badge/<str:token>.json", embeds.document, name="document"),
    path("badge/<str:token>.svg", embeds.badge, name="badge"),
    path("oembed", embeds.oembed, name="oembed"),
    path("wallboard/<str:token>/", embeds.wallboard, name="wallboard"),
]
