"""The outbox in Django's admin: what waits, what died and why. Nobody reads there what an event holds."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import ngettext

from ...exceptions import ApiException
from ...outbox._records import as_time
from . import outbox
from .models import OutboxEvent

__all__ = ["OutboxEventAdmin"]


class _StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("pending", "pending"), ("dead", "dead")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return what the choice leaves."""
        if self.value() == "pending":
            return queryset.filter(dead=0)
        return queryset.filter(dead__gt=0) if self.value() == "dead" else queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(admin.ModelAdmin):
    """Look at events, and let dead ones be sent again."""

    list_display = ("id", "kind", "order_key", "added", "state", "attempts", "error")
    list_filter = (_StateFilter, "kind")
    search_fields = ("=order_key",)
    fields = ("kind", "order_key", "added", "state", "attempts", "error", "event")
    readonly_fields = fields
    actions = ("replay",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: events have to be checked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        """Allow what Django allows, of dead events alone: what waits is never deleted."""
        return (obj is None or bool(obj.dead)) and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Leave out to delete many: some of them may wait."""
        options = {} if action_location is None else {"action_location": action_location}  # from Django 6.1 on
        actions: dict[str, Any] = super().get_actions(request, **options)
        return {name: action for name, action in actions.items() if name != "delete_selected"}

    @admin.display(ordering="created")
    def added(self, event: Any) -> Any:
        """Return when it was added."""
        return as_time(event.created)

    @admin.display(ordering="dead")
    def state(self, event: Any) -> str:
        """Return whether it waits, or was given up and when."""
        return f"dead since {as_time(event.dead):%Y-%m-%d %H:%M}" if event.dead else "pending"

    @admin.display
    def event(self, event: Any) -> str:
        """Show what it holds, with everything personal masked."""
        try:
            return repr(outbox.show(event.kind, event.body))
        except ApiException as error:
            return str(error)

    @admin.action(description="Send again", permissions=["change"])
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        """Let dead events wait again."""
        number = outbox.replay(*ids) if (ids := list(queryset.filter(dead__gt=0).values_list("id", flat=True))) else 0
        self.message_user(request, ngettext("%d event waits again.", "%d events wait again.", number) % number)
