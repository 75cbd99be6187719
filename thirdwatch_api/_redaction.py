"""What may be shown of a key, an event and a response. No other module masks.

A response may repeat the API key and the event, and hold megabytes of anything. So no text costs more than linear time:

* What is shown in one line (a message, a reason phrase, a value in ``repr``) is cut first. Then everything secret or
  personal in it is masked: keys, texts of the event about a person, whatever looks like an e-mail address.
* What is kept whole (body and headers of an error) is masked for keys and credentials alone, piece by piece.

Patterns are plain strings: ``re`` compiles them when they are first used, and most programs never use them.
"""

import codecs
import re
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from json import dumps, loads
from typing import Any
from urllib.parse import quote, unquote

__all__ = ["MASK", "Redactor", "decode_lenient", "printable", "short", "without_emails", "without_user"]

MASK = "***"

_SHOWN = 600
"""Characters of a text that masking looks at before it is shown."""
_DETECTED = 48
"""Characters by which a longer secret is found."""
_MOST_ROUNDS = 3
"""How often escapes may be escaped again."""
_ONE_ESCAPED = 28
"""The most characters that so many escapes write one with: ``%2525F0%25259F%252598%252580``."""
_WINDOW = _SHOWN + _DETECTED * _ONE_ESCAPED
"""Where a secret is looked for: one that begins in the shown part does not hide by going on behind the cut."""
_SHORT = 200
_LARGEST_EVENT = 1024 * 1024
"""How many bytes of an event are searched for personal texts."""
_BETWEEN_LOOKS = 200
"""How many texts are looked at between two looks at the clock."""
_BETWEEN_FINDS = 10
"""How many texts are searched for between two looks at the clock: each may stand anywhere."""
_PIECE = 64 * 1024  # `re` holds the GIL while it searches; a piece of this size takes about a millisecond
_SECRET_LENGTH = 4
_CREDENTIAL_LENGTH = 8  # shorter values of such headers are words, such as "basic" or a theme in a cookie
_CUT = "... (cut: the deadline of the call passed)"

_IN_EMAIL = r"[^\s@\"'<>,;:()]"
# The look-behind lets a match begin at the start of a run only, so that each run is read once.
_EMAIL = rf"(?<!{_IN_EMAIL}){_IN_EMAIL}+@{_IN_EMAIL}+"
_HEX = "[0-9a-fA-F]"
_UNIT = (
    rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|\\u{_HEX}{{4}}|\\[\"\\/bfnrt]"
    rf"|%[c-fC-F]{_HEX}(?:%[89abAB]{_HEX}){{1,3}}|%[0-7]{_HEX}|(?s:.)"
)
"""One character as it is, or as JSON or a URL writes it."""
_FIELD = "_[A-Za-z0-9]+"
"""A key that is a field of the service's, and none of the shop's own."""
_CREDENTIAL = r"(?i)auth|cookie|credential|key|passw|secret|session|signature|token"
"""Part of the name of a header whose value is a credential."""


def decode_lenient(data: bytes) -> str:
    """Read UTF-8, bad bytes replaced, piece by piece: each bad byte calls a handler while the GIL is held."""
    if len(data) <= _PIECE:
        return data.decode("utf-8", "replace")
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    parts = [decode(data[start : start + _PIECE]) for start in range(0, len(data), _PIECE)]
    return "".join((*parts, decode(b"", final=True)))


def short(text: str) -> str:
    """Cut a text to the 200 characters that a message shows."""
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."


def printable(text: str) -> str:
    """Replace what would steer a terminal, and surrogates, which can't be encoded, by ``?``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def without_user(url: str) -> str:
    """Replace the user part of a URL by ``***``."""
    return re.sub(r"//[^/?#]*@", f"//{MASK}@", url)


def without_emails(text: str) -> str:
    """Cut a text, and replace whatever looks like an e-mail address by ``***``."""
    window = text[:_WINDOW]
    return _masked(text, [found.span() for found in re.finditer(_EMAIL, window)] if "@" in window else [])


class Redactor:
    """Masks in the response to one request what may not be shown.

    :param key: the API key as it is sent
    :param headers: the headers of the request, some of which may be credentials
    :param body: the request's JSON
    :param public_keys: returns the JSON keys of the event whose texts are not personal. All other texts are
    """

    __slots__ = ("_body", "_credentials", "_pattern", "_public_keys", "_texts")

    def __init__(
        self,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        public_keys: Callable[[], Container[str]] = frozenset,
    ) -> None:
        self._body = body
        self._public_keys = public_keys
        self._credentials = _credentials(key, headers or {})
        self._pattern = _pattern(self._credentials)
        self._texts: list[str] | None = None

    def line(self, text: str, until: float = float("inf")) -> str:
        """Cut a text, and mask in it all that is secret or personal, in every spelling of JSON and URLs.

        Letter case makes no difference.

        :param until: ``time.monotonic()`` at which the whole text is masked, as it is for an event that is too large
        """
        views = _views(text[:_WINDOW])
        secrets = self._secrets_in(views, until)
        ends: dict[int, int] = {}  # of what is masked, by where it starts
        for number, secret in enumerate(secrets or (), 1):
            if number % _BETWEEN_FINDS == 0 and time.monotonic() >= until:
                secrets = None
                break
            for _, view, places in views:
                for start, end in _found(secret, view, places):
                    ends[start] = max(end, ends.get(start, 0))
        if secrets is None:
            return MASK if text else ""
        for view, _, places in views:
            for found in re.finditer(_EMAIL, view) if "@" in view else ():
                start, end = places[found.start()], places[found.end()]
                ends[start] = max(end, ends.get(start, 0))
        return _masked(text, list(ends.items()))

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
        """Return headers of the same class, names and values masked."""
        pattern = self._pattern
        # Most responses repeat no credential, and none has a line break.
        if pattern is None or not pattern.search("\n".join([*headers, *headers.values()])):
            return headers
        return type(headers)((self.whole(name), self.whole(value)) for name, value in headers.items())

    def json(self, response: dict[str, Any], data: bytes) -> None:
        """Mask a JSON object in place and without recursion, for it may be nested as deep as it likes.

        :param data: the bytes that it was read from
        """
        pattern = self._pattern
        if pattern is None:
            return
        if len(data) <= _PIECE and b"\\" not in data and not pattern.search(data.decode("utf-8", "replace")):
            return  # without an escape, the values hold nothing but what the bytes do

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

    def _secrets_in(self, views: "list[_View]", until: float) -> list[str] | None:
        """Return the credentials and personal texts whose beginning stands in a view; None when that takes too long."""
        if self._texts is None:
            self._texts = self._personal_texts(until)
        if self._texts is None:
            return None
        # Most texts of a large event cost one look: at how they begin.
        starts: set[str] = set()
        for _, view, _ in views:
            for at in range(len(view)):
                starts.add(view[at : at + _SECRET_LENGTH])
        forms: set[str] = set()
        for number, text in enumerate((*self._credentials, *self._texts), 1):
            escaped = "\\" in text or "%" in text
            if (escaped or number % _BETWEEN_LOOKS == 0) and time.monotonic() >= until:
                return None
            if escaped or _start(text) in starts:
                forms |= _forms(text)
        return [
            form for form in forms if len(form) >= _SECRET_LENGTH and form[:_SECRET_LENGTH] in starts and form.strip()
        ]

    def _personal_texts(self, until: float) -> list[str] | None:
        """Return what the event holds about a person: texts, numbers, and keys of the shop's own.

        None when the event is too large, or the time is up.
        """
        body = self._body or b"{}"
        if len(body) > _LARGEST_EVENT:  # `loads` would hold up other threads
            return None
        try:
            public: Container[str] = self._public_keys()
        except (ImportError, OSError):  # the process has no file descriptor left for an import
            public = ()
        texts: list[str] = []
        pending: list[tuple[str, bool, object]] = [("", False, loads(body, parse_int=str, parse_float=str))]
        number = 0
        while pending:
            number += 1
            if number % _BETWEEN_LOOKS == 0 and time.monotonic() >= until:
                return None
            key, personal, value = pending.pop()
            if key and not re.fullmatch(_FIELD, key):
                texts.append(key)
            if isinstance(value, dict):
                pending += [(key if personal else "", personal or key not in public, value[key]) for key in value]
            elif isinstance(value, list):
                pending += [("", personal, part) for part in value]
            elif personal and isinstance(value, str):
                texts.append(value)
        return texts


def _credentials(key: str, headers: Mapping[str, str]) -> set[str]:
    """Return the key, and the values of headers that are credentials: whole, and without the word before them."""
    found = {text for text in (key, key.rpartition(" ")[2]) if len(text) >= _SECRET_LENGTH}
    for name, value in headers.items():
        if re.search(_CREDENTIAL, name):
            parts = [pair.partition("=")[2].strip() for pair in value.split(";")]
            found |= {text for text in (value, value.rpartition(" ")[2], *parts) if len(text) >= _CREDENTIAL_LENGTH}
    return found


def _pattern(credentials: set[str]) -> "re.Pattern[str] | None":
    """Compile what finds credentials, however JSON and URLs spell them."""
    longest_first = sorted(credentials, key=len, reverse=True)
    # Nobody escapes an ASCII letter or digit.
    forms = [re.sub("[^0-9A-Za-z]", _spellings, text) for text in longest_first]
    return re.compile("|".join(forms)) if forms else None


def _start(text: str) -> str:
    """Return how each of its forms begins, for a text without escapes."""
    start = text[:_WINDOW].strip()[:_SECRET_LENGTH].casefold().replace("+", " ")[:_SECRET_LENGTH]
    return start if len(start) == _SECRET_LENGTH else _folded(text[:_SECRET_LENGTH])[:_SECRET_LENGTH]


def _forms(text: str) -> set[str]:
    """Return a text as it may be found, without letter case: with and without its blanks and escapes."""
    forms: set[str] = set()
    for form in {text[:_WINDOW], text[:_WINDOW].strip()}:
        forms.update(_folded(plain) for plain, _ in _without_escapes(form))
    return forms


def _folded(text: str) -> str:
    return text.casefold().replace("+", " ")


def _found(secret: str, view: str, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Find where a secret, or its beginning, starts and ends in the text of a view."""
    detector = secret[:_DETECTED]
    at = view.find(detector)
    while at >= 0 and places[at] < _SHOWN:
        end = at + (len(secret) if view.startswith(secret, at) else _common(secret, view, at))
        yield places[at], places[end]
        at = view.find(detector, at + 1)


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """Cut a text, and replace by ``***`` what the spans cover, which may overlap."""
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


_View = tuple[str, str, Sequence[int]]
"""A text, the same with a blank for each plus, and where in the text that is shown each of its characters begins."""


def _views(text: str) -> list[_View]:
    """Return a text as it is and without escapes, each without letter case. In a URL, a plus may be a blank."""
    views: list[_View] = []
    for plain, places in _without_escapes(text):
        folded = plain.casefold()
        if len(folded) != len(plain):
            parts = [character.casefold() for character in plain]
            places = [*(place for part, place in zip(parts, places, strict=False) for _ in part), places[-1]]  # noqa: PLW2901 - they fit the folded text
        views.append((folded, folded.replace("+", " "), places))
    return views


def _without_escapes(text: str) -> list[tuple[str, Sequence[int]]]:
    """Return a text as it is, and without escapes as often as it has some: JSON may stand in JSON, and URLs in URLs."""
    views: list[tuple[str, Sequence[int]]] = [(text, range(len(text) + 1))]
    while len(views) <= _MOST_ROUNDS:
        plain, places = views[-1]
        if "\\" not in plain and "%" not in plain:
            break
        units = list(re.finditer(_UNIT, plain))
        parts = [_without_escape(unit) for unit in units]
        if len(parts) == len(plain):
            break
        inner = [places[unit.start()] for unit, part in zip(units, parts, strict=True) for _ in part]
        views.append(("".join(parts), [*inner, places[-1]]))
    return views


def _without_escape(found: "re.Match[str]") -> str:
    unit = found[0]
    if len(unit) == 1:
        return unit
    plain: str = loads(f'"{unit}"') if unit[0] == "\\" else unquote(unit)
    return plain


def _common(secret: str, view: str, at: int) -> int:
    """Count the characters of the secret that stand there: the text may hold its beginning only."""
    end, beyond = 0, len(secret)
    while beyond - end > 1:
        middle = (end + beyond) // 2
        if view.startswith(secret[:middle], at):
            end = middle
        else:
            beyond = middle
    return end


def _spellings(found: "re.Match[str]") -> str:
    """Write the pattern of a character as JSON and URLs spell it."""
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
