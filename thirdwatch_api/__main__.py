"""Run the command ``thirdwatch``: ``python -m thirdwatch_api``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
