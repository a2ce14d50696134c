"""The example shop, mounted at /examples/."""

from __future__ import annotations

from django.urls import path

from examples import views

app_name = "examples"

urlpatterns = [
    path("checkout/", views.checkout, name="checkout"),
    path("pay/<path:workflow_id>/", views.pay, name="pay"),
]
