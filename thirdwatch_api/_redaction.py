"""Redactor: it masks keys and personal texts in what is shown. No other module masks.

A response may repeat the API key and the event, and hold megabytes of anything. So no text costs more than linear time:

* A text that is shown in one line (a message, a reason phrase, a value in ``repr``) is cut first. Then everything
  secret or personal in it is masked: keys, personal texts of the event, and what looks like an e-mail address.
* In a text that is kept whole (body and headers of an error), only keys and credentials are masked, piece by piece.

Patterns are plain strings, so that ``re`` compiles them at their first use: most programs never use them.
"""

import re
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from json import dumps, loads
from typing import Any
from urllib.parse import quote, unquote

__all__ = ["MASK", "Redactor", "short", "without_emails", "without_user"]

MASK = "***"

_SHOWN = 600
"""Characters of a text that are shown in one line."""
_DETECTED = 64
"""Characters of a longer secret that are searched for."""
_ONE_ESCAPED = 12
"""The most characters of one escaped character: ``\\ud83d\\ude00``, ``%F0%9F%98%80``."""
_WINDOW = _SHOWN + _DETECTED * _ONE_ESCAPED
"""Characters in which secrets are searched: one that begins in the shown part may end behind the cut."""
_SHORT = 200
_PIECE = 64 * 1024  # `re` holds the GIL while it searches; a piece of this size takes about a millisecond
_SECRET_LENGTH = 4
_CREDENTIAL_LENGTH = 8  # shorter values of such headers are words, such as "basic" or a theme in a cookie
_CUT = "... (cut: the deadline of the call passed)"

_IN_EMAIL = r"[^\s@\"'<>,;:()]"
# The look-behind lets a match begin only at the start of a run, so each run is read once.
_EMAIL = rf"(?<!{_IN_EMAIL}){_IN_EMAIL}+@{_IN_EMAIL}+"
_HEX = "[0-9a-fA-F]"
_UNIT = (
    rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|\\u{_HEX}{{4}}|\\[\"\\/bfnrt]"
    rf"|%[c-fC-F]{_HEX}(?:%[89abAB]{_HEX}){{1,3}}|%[0-7]{_HEX}|(?s:.)"
)
"""One character as it is, or as JSON or a URL writes it."""
_ANY = "(?s:.)"
_CREDENTIAL = r"(?i)auth|cookie|credential|key|passw|secret|session|signature|token"
"""Part of the name of a header whose value is a credential."""


def short(text: str) -> str:
    """Cut a text to the 200 characters that a message shows."""
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."


def without_user(url: str) -> str:
    """Replace the user part of a URL by ``***``."""
    return re.sub(r"//[^/?#]*@", f"//{MASK}@", url)


def without_emails(text: str) -> str:
    """Cut a text, and replace whatever looks like an e-mail address by ``***``."""
    window = text[:_WINDOW]
    return _masked(text, [found.span() for found in re.finditer(_EMAIL, window)] if "@" in window else [])


class Redactor:
    """The masks of one request: they hide its credentials and personal texts in what is shown of its response.

    :param key: the API key as it is sent
    :param headers: the headers of the request, some of which may be credentials
    :param body: the request's JSON
    :param public_keys: returns the JSON keys of the event whose texts are not personal. All other texts are
    """

    __slots__ = ("_body", "_credentials", "_pattern", "_public_keys", "_secrets")

    def __init__(
        self,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        public_keys: Callable[[], Container[str]] = frozenset,
    ) -> None:
        self._credentials = _credentials(key, headers or {})
        self._pattern = _pattern_for(self._credentials)
        self._body = body
        self._public_keys = public_keys
        self._secrets: list[str] | None = None  # most errors need none, and to find them takes the longest

    def line(self, text: str) -> str:
        """Cut a text, and mask what is secret or personal, in any letter case and every spelling of JSON and URLs."""
        window = text[:_WINDOW]
        spans: list[tuple[int, int]] = []
        for plain, places in _views(window):
            if "@" in plain:
                spans += [(places[found.start()], places[found.end()]) for found in re.finditer(_EMAIL, plain)]
            view = plain.replace("+", " ")  # in a URL, a plus may be a blank
            for secret in self._all_secrets():
                detector = secret[:_DETECTED]
                at = view.find(detector)
                while at >= 0 and places[at] < _SHOWN:
                    end = at + (len(secret) if view.startswith(secret, at) else _common(secret, view, at))
                    spans.append((places[at], places[end]))
                    at = view.find(detector, at + 1)
        return _masked(text, spans)

    def whole(self, text: str, until: float = float("inf")) -> str:
        """Mask the credentials in a text of any length.

        :param until: ``time.monotonic()`` at which the rest of the text is dropped
        """
        pattern = self._pattern
        if pattern is None:
            return text
        longest = len(pattern.pattern)  # no match is longer than what it was written with
        parts: list[str] = []
        done = start = 0
        while start < len(text):
            end = start + _PIECE
            for found in pattern.finditer(text, start, end + longest):
                if found.start() >= end:
                    break
                parts += (text[done : found.start()], MASK)
                done = found.end()
            start = max(end, done)
            if start < len(text) and time.monotonic() >= until:
                return "".join((*parts, text[done:start], _CUT))
        return "".join((*parts, text[done:]))

    def headers(self, headers: Any) -> Any:
        """Mask the credentials in names and values of headers, and return headers of the same class."""
        pattern = self._pattern
        # Most responses repeat no credential, and no header holds a line break.
        if pattern is None or not pattern.search("\n".join([*headers, *headers.values()])):
            return headers
        return type(headers)((self.whole(name), self.whole(value)) for name, value in headers.items())

    def json(self, response: dict[str, Any]) -> None:
        """Mask the credentials in a JSON object, in place. Without recursion: it may be nested very deep."""
        pattern = self._pattern
        if pattern is None:
            return

        def mask(text: str) -> str:
            return self.whole(text) if pattern.search(text, 0, _PIECE) or len(text) > _PIECE else text

        pending: list[dict[str, Any] | list[Any]] = [response]
        while pending:
            holder = pending.pop()
            values = list(holder.values()) if isinstance(holder, dict) else holder
            masked = [mask(value) if isinstance(value, str) else value for value in values]
            if isinstance(holder, dict):
                keys = [mask(key) for key in holder]
                holder.clear()
                holder.update(zip(keys, masked, strict=True))
            else:
                holder[:] = masked
            pending += [value for value in masked if isinstance(value, (dict, list))]

    def _all_secrets(self) -> list[str]:
        """Return credentials and personal texts without escapes."""
        if self._secrets is None:
            forms: set[str] = set()
            for text in {*self._credentials, *self._personal_texts()}:
                for form in (text[:_WINDOW], text[:_WINDOW].strip()):
                    forms.update((form, _without_escapes(form)))
            folded = {form.casefold().replace("+", " ") for form in forms}
            self._secrets = [form for form in folded if len(form) >= _SECRET_LENGTH and form.strip()]
        return self._secrets

    def _personal_texts(self) -> Iterator[str]:
        """Yield the personal texts of the event."""
        if not self._body:
            return
        try:
            public: Container[str] = self._public_keys()
        except (ImportError, OSError):  # the process is out of file descriptors for an import
            public = ()
        pending: list[tuple[bool, object]] = [(False, loads(self._body))]
        while pending:
            personal, value = pending.pop()
            if isinstance(value, dict):
                pending += [(personal or key not in public, part) for key, part in value.items()]
            elif isinstance(value, list):
                pending += [(personal, part) for part in value]
            elif personal and isinstance(value, str):
                yield value


def _credentials(key: str, headers: Mapping[str, str]) -> set[str]:
    """Return the key and the credentials among the headers, each also without the word before it (``Bearer``)."""
    found: set[str] = set()
    for text in (key, key.rpartition(" ")[2]):
        if len(text) >= _SECRET_LENGTH:
            found.add(text)
    for name, value in headers.items():
        if re.search(_CREDENTIAL, name):
            texts = [value, value.rpartition(" ")[2]]
            texts += [pair.partition("=")[2].strip() for pair in value.split(";")]  # of a cookie
            found.update([text for text in texts if len(text) >= _CREDENTIAL_LENGTH])
    return found


def _pattern_for(credentials: set[str]) -> "re.Pattern[str] | None":
    """Compile a pattern that finds credentials in all spellings of JSON and URLs."""
    # Nobody escapes an ASCII letter or digit.
    forms = [re.sub("[^0-9A-Za-z]", _spellings, text) for text in sorted(credentials, key=len, reverse=True)]
    return re.compile("|".join(forms)) if forms else None


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """Cut a text, and replace each span by ``***``; spans may overlap."""
    shown = min(len(text), _SHOWN)
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= shown:
            break
        if start >= done:
            parts += (text[done:start], MASK)
        done = max(done, end)
    return "".join((*parts, text[done:shown], "..." if len(text) > shown else ""))


def _views(text: str) -> list[tuple[str, Sequence[int]]]:
    """Return a text as it is and without escapes, both casefolded, and the place of each character in the text."""
    folded = text.casefold()
    views: list[tuple[str, Sequence[int]]] = [(folded, range(len(text) + 1))]
    if len(folded) != len(text):
        views = [_view(text, _ANY)]
    if "\\" in text or "%" in text:
        views.append(_view(text, _UNIT))
    return views


def _view(text: str, unit: str) -> tuple[str, list[int]]:
    parts: list[str] = []
    places: list[int] = []
    for found in re.finditer(unit, text):
        parts.append(_without_escape(found).casefold())
        places += [found.start()] * len(parts[-1])
    places.append(len(text))
    return "".join(parts), places


def _without_escapes(text: str) -> str:
    return re.sub(_UNIT, _without_escape, text) if "\\" in text or "%" in text else text


def _without_escape(found: "re.Match[str]") -> str:
    unit = found[0]
    if len(unit) == 1:
        return unit
    plain: str = loads(f'"{unit}"') if unit[0] == "\\" else unquote(unit)
    return plain


def _common(secret: str, view: str, at: int) -> int:
    """Return how many characters of the secret the text has at a place: it may hold only the beginning."""
    end, beyond = 0, len(secret)
    while beyond - end > 1:
        middle = (end + beyond) // 2
        if view.startswith(secret[:middle], at):
            end = middle
        else:
            beyond = middle
    return end


def _spellings(found: "re.Match[str]") -> str:
    """Return a pattern for one character in all spellings of JSON and URLs."""
    character = found[0]
    escaped = f"\\u{ord(character):04x}"
    forms = {character, dumps(character)[1:-1], escaped, "\\u" + escaped[2:].upper()}
    quoted = quote(character, safe="", errors="surrogatepass")
    forms |= {quoted, quoted.lower()}
    if character == "/":
        forms.add("\\/")  # as PHP does
    if character == " ":
        forms.add("+")
    longest_first = sorted(forms, key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, longest_first))})"
