"""What must not be forked in the middle: it holds locks of Python's imports or of OpenSSL, which no child gets back."""

# A fork takes the locks of the hooks that were registered last first. Whoever holds ours may want that of logging,
# so logging has to have registered before.
import logging  # noqa: F401 - see above  # pyright: ignore[reportUnusedImport]
import os
import threading

__all__ = ["UNFORKED"]

UNFORKED = threading.RLock()
"""Held for what takes milliseconds and never waits for a peer; ``os.fork`` in another thread waits until it is over."""

if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(before=UNFORKED.acquire, after_in_parent=UNFORKED.release, after_in_child=UNFORKED.release)
