"""What the shop's pages accept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator

CATALOGUE = [
    {"name": "Brass lantern", "price": "34.50"},
    {"name": "Signal flags", "price": "18.00"},
    {"name": "Chronometer", "price": "240.00"},
    {"name": "Coil of rope", "price": "12.75"},
]


class OrderForm(forms.Form):
    """An order number, which makes ordering twice harmless, and what is ordered."""

    order_id = forms.CharField(
        label="Order number",
        max_length=60,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]+\Z", "Use letters, digits, '-' and '_' only.")],
        help_text="Placing the same order number again shows the same order.",
    )
    items = forms.MultipleChoiceField(
        label="Items",
        choices=[(item["name"], f"{item['name']}, {item['price']}") for item in CATALOGUE],
        widget=forms.CheckboxSelectMultiple,
        initial=[item["name"] for item in CATALOGUE],
    )

    def order(self) -> dict[str, Any]:
        """The input of the workflow."""
        chosen = self.cleaned_data["items"]
        items = [{**item, "quantity": 1} for item in CATALOGUE if item["name"] in chosen]
        return {"id": self.cleaned_data["order_id"], "items": items}


class PaymentForm(forms.Form):
    """The answer of a payment page: paid or declined."""

    outcome = forms.ChoiceField(choices=[("paid", "Pay"), ("declined", "Decline")])
    amount = forms.CharField(max_length=40)
    nonce = forms.CharField(max_length=64)  # the same for a form sent twice, so that it pays once
