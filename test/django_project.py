"""A project of Django, in a process that can have only one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

__all__ = ["set_up", "urlpatterns"]

_folder: list[tempfile.TemporaryDirectory[str]] = []

urlpatterns: list[Any] = []
"""Filled by ``set_up``."""


def set_up() -> None:
    """Set Django up, unless it is."""
    import django
    from django.conf import settings

    if settings.configured:
        return
    _folder.append(tempfile.TemporaryDirectory(prefix="thirdwatch-django-"))
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="for the test alone",
        LOGGING_CONFIG=None,
        USE_TZ=True,
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "thirdwatch_api.contrib.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(_folder[0].name, "shop.db")),
                "OPTIONS": {"timeout": 30},
            }
        },
    )
    django.setup()
    from django.contrib import admin
    from django.urls import path

    urlpatterns.append(path("admin/", admin.site.urls))
