"""`python -m crossfade.control` is the command `crossfade`, for a checkout that is not installed."""

import sys

from crossfade.control.cli import main

if __name__ == "__main__":
    sys.exit(main())
