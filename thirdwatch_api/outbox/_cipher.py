"""Bodies that are encrypted while they wait."""

from base64 import b64decode, b64encode
from typing import Protocol

from ..exceptions import ApiTypeError, OutboxException

__all__ = ["Cipher", "check_cipher", "open_body", "seal_body"]

_TEXT = "a"  # what was encrypted is ASCII, as Fernet's tokens are
_BYTES = "b"  # what was encrypted follows in Base64


class Cipher(Protocol):
    """An object that encrypts, such as ``cryptography.fernet.Fernet`` or ``MultiFernet``."""

    def encrypt(self, data: bytes, /) -> bytes:
        """Encrypt."""
        ...

    def decrypt(self, token: bytes, /) -> bytes:
        """Decrypt what ``encrypt`` returned, or raise."""
        ...


def check_cipher(cipher: object) -> None:
    """Refuse what can't encrypt."""
    if cipher is not None and not (hasattr(cipher, "encrypt") and hasattr(cipher, "decrypt")):
        raise ApiTypeError(f"cipher: expected an object with encrypt and decrypt, got {type(cipher).__name__}")


def seal_body(body: str, cipher: Cipher | None) -> str:
    """Return a body as it is stored."""
    if cipher is None:
        return body
    try:
        token = cipher.encrypt(body.encode())
    except Exception as error:  # noqa: BLE001 - a cipher may raise anything
        raise OutboxException(reason=f"cipher: the event could not be encrypted ({type(error).__name__})") from None
    return _TEXT + token.decode() if token.isascii() else _BYTES + b64encode(token).decode()


def open_body(stored: str, cipher: Cipher | None) -> str:
    """Return a body as it is sent. What was stored without a cipher is read with one as well.

    :raises OutboxException: there is no cipher for it, or the wrong one
    """
    if stored.startswith("{"):
        return stored
    if cipher is None:
        raise OutboxException(reason="the event is encrypted: pass the cipher that it was added with")
    try:
        token = stored[1:].encode()
        return cipher.decrypt(b64decode(token) if stored.startswith(_BYTES) else token).decode()
    except Exception as error:  # noqa: BLE001 - a cipher may raise anything
        raise OutboxException(
            reason=f"the event can't be decrypted ({type(error).__name__}): pass the cipher that it was added with"
        ) from None
