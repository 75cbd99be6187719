"""The service that a command calls: the key, the host, and the client."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..api_client import ApiClient
from ..configuration import API_KEY_HEADER, Configuration
from ._exit import CommandError, one_line
from ._parser import Parser

__all__ = ["add_service_options", "make_client", "make_configuration", "read_secret"]


def add_service_options(parser: Parser) -> None:
    """Add the options of commands that call the service."""
    group = parser.add_argument_group("service")
    group.add_argument(
        "--key-file",
        metavar="FILE",
        type=Path,
        help="file with the API key; default: $THIRDWATCH_API_KEY, never an argument",
    )
    group.add_argument(
        "--host", metavar="URL", help="where the service is; default: $THIRDWATCH_HOST, else the real one"
    )


def read_secret(path: Path, what: str) -> str:
    """Return the one line that a file holds.

    :param what: what it is, for the error
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise CommandError(f"{path}: is not UTF-8; expected {what} alone") from None
    except OSError as error:
        raise CommandError(f"can't read {what}: {one_line(error)}") from None
    if not text or len(text.splitlines()) > 1:
        raise CommandError(f"{path}: expected {what} in one line, and nothing else")
    return text


def make_configuration(arguments: Namespace) -> Configuration:
    """Return the settings of a command; the key may be missing."""
    key = read_secret(arguments.key_file, "the API key") if arguments.key_file else None
    return Configuration(api_key=key, host=arguments.host, app_info="thirdwatch-cli", debug=arguments.debug)


def make_client(arguments: Namespace) -> ApiClient:
    """Make the client of a command. Close it, or use it with ``with``."""
    configuration = make_configuration(arguments)
    if not configuration.get_api_key_with_prefix(API_KEY_HEADER):
        raise CommandError(
            "no API key: set THIRDWATCH_API_KEY in the environment, or name a file that holds it with --key-file"
        )
    return ApiClient(configuration=configuration)
