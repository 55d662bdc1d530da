"""`python -m einthoven.app.cli`."""

import sys

from einthoven.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
