"""What must not be forked in the middle: it holds locks of Python's imports or of OpenSSL, which no child gets back."""

import os
import threading

__all__ = ["UNFORKED"]

UNFORKED = threading.RLock()
"""Held for what takes milliseconds and never waits for a peer; ``os.fork`` in another thread waits until it is over."""

if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(before=UNFORKED.acquire, after_in_parent=UNFORKED.release, after_in_child=UNFORKED.release)
