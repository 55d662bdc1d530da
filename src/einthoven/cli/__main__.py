"""`python -m einthoven.cli`."""

import sys

from einthoven.cli import main

if __name__ == "__main__":
    sys.exit(main())
