"""Webhooks in the admin: made, changed, turned on and off, and removed; `webhooks` does it. A secret is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from dashboard import access
from dashboard.admin import shown
from workflows import webhooks
from workflows.errors import InvalidWebhook
from workflows.models import Webhook

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Webhook]
    ModelForm = forms.ModelForm[Webhook]
else:
    ModelAdmin, ModelForm = admin.ModelAdmin, forms.ModelForm  # not generic at run time

_WIDE = {"size": 80}


class WebhookForm(ModelForm):
    """What a person says of one; whether that can be, `webhooks` says."""

    url = forms.CharField(
        label="URL", max_length=500, widget=forms.TextInput(attrs=_WIDE),
        help_text="Where messages are posted, such as https://example.org/hook. Redirects are not followed.",
    )  # fmt: skip
    outcomes = forms.MultipleChoiceField(
        choices=[(outcome, outcome) for outcome in webhooks.OUTCOMES], widget=forms.CheckboxSelectMultiple,
        initial=["failed", "quarantined"], help_text="Which ends it is told of.",
    )  # fmt: skip
    definitions = SimpleArrayField(
        forms.CharField(max_length=200), required=False, widget=forms.TextInput(attrs=_WIDE),
        help_text="Only of workflows of these definitions, separated by commas; empty: of every one.",
    )  # fmt: skip
    queue = forms.CharField(
        max_length=100, initial="default",
        help_text="The queue of its deliveries. One of their own keeps a slow receiver from holding up others.",
    )  # fmt: skip
    active = forms.BooleanField(
        required=False, initial=True, help_text="Turned on again, it is told of what ends from then on."
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "outcomes", "definitions", "queue", "active")

    def clean(self) -> dict[str, Any]:
        """The fields as they are kept."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            described = {name: value for name, value in cleaned.items() if name != "active"}
            try:
                cleaned |= webhooks.check(**described)
            except InvalidWebhook as refused:
                raise forms.ValidationError(str(refused)) from None
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin):
    """For who may manage webhooks, all of it; for others, nothing."""

    form = WebhookForm
    tells_the_audit_list = True  # the verbs do
    list_display = ("name_shown", "host", "told_of", "definitions_shown", "active", "why_off", "made")
    fields = (*WebhookForm.Meta.fields, "why_off", "made", "created_at")
    readonly_fields = ("why_off", "made", "created_at")
    search_fields = ("name", "url")
    ordering = ("name",)
    actions = ("new_secret",)

    def _may(self, request: HttpRequest) -> bool:
        return access.can(request.user, "manage_webhooks")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Who may manage them."""
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may manage them: an address may be a secret."""
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may manage them."""
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may manage them."""
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may manage them."""
        return self._may(request)

    def get_fields(self, request: HttpRequest, obj: Webhook | None = None) -> tuple[str, ...]:
        """What is known of it; of a new one, what is asked."""
        return self.fields if obj is not None else WebhookForm.Meta.fields

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        """By the verbs, which write the audit list, too."""
        described, by = dict(form.cleaned_data), request.user.get_username()
        if change:
            webhooks.change(obj.pk, **described, by=by)
        else:
            active = described.pop("active")
            made = webhooks.make(**described, by=by)
            if not active:
                webhooks.change(made.pk, **described, active=False, by=by)
            obj.pk, obj.secret = made.pk, made.secret

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        """By the verb."""
        webhooks.remove(obj.pk, by=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """By the verb, one by one."""
        for pk in list(queryset.values_list("pk", flat=True)):
            webhooks.remove(pk, by=request.user.get_username())

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, this once."""
        return self._secret(request, obj)

    @admin.action(description="Sign with a new secret", permissions=["change"])
    def new_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse | None:
        """Of one, because it is shown."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one webhook: its secret is shown once.", messages.WARNING)
            return None
        return self._secret(request, webhooks.renew_secret(chosen[0].pk, by=request.user.get_username()))

    def _secret(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "Secret of a webhook", "hook": hook}
        response = TemplateResponse(request, "admin/workflows/webhook_secret.html", context)
        add_never_cache_headers(response)
        return response

    @admin.display(description="name", ordering="name")
    def name_shown(self, hook: Webhook) -> str:
        """Who is told, and what for."""
        return shown.text(hook.name)

    @admin.display(description="host")
    def host(self, hook: Webhook) -> str:
        """Of the URL."""
        return webhooks.host(hook)

    @admin.display(description="told of")
    def told_of(self, hook: Webhook) -> str:
        """Which ends."""
        return ", ".join(hook.outcomes)

    @admin.display(description="definitions")
    def definitions_shown(self, hook: Webhook) -> str:
        """Only of these."""
        return shown.text(", ".join(hook.definitions) or "every one")

    @admin.display(description="turned off because")
    def why_off(self, hook: Webhook) -> str:
        """What the receiver did."""
        return shown.text(hook.off_because or "–")

    @admin.display(description="made by")
    def made(self, hook: Webhook) -> str:
        """Who."""
        return shown.text(hook.made_by or "–")
