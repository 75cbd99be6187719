"""Checks of the arguments that users pass to the sandbox."""

from ipaddress import ip_address

from ..exceptions import ApiTypeError, ApiValueError

__all__ = ["check_hook", "check_range", "check_type", "is_loopback"]


def check_type(name: str, value: object, *types: type) -> None:
    """Refuse a value of another type; a bool is no int.

    :raises ApiTypeError: the value has none of these types
    """
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        expected = " or ".join("None" if each is type(None) else each.__name__ for each in types)
        raise ApiTypeError(f"{name}: expected {expected}, got {type(value).__name__}")


def check_range(name: str, value: float, lowest: int, highest: int) -> None:
    """Refuse a number outside of a range.

    :raises ApiValueError: the number is too low, too high, or NaN
    """
    if not lowest <= value <= highest:  # false for NaN as well
        raise ApiValueError(f"{name}: must be {lowest}-{highest}, got {value}")


def check_hook(name: str, hook: object) -> None:
    """Refuse a hook that can't be called.

    :raises ApiTypeError: it is neither a callable nor None
    """
    if hook is not None and not callable(hook):
        raise ApiTypeError(f"{name}: expected a callable or None, got {type(hook).__name__}")


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is one of this machine, without looking it up."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
