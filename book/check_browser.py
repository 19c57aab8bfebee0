"""After a build: what a browser finds wrong with the pages.

python book/check_browser.py [folder]: one line for each fault, and exit code 1 if there is any.
Without Chromium one line says so; that is a fault only where the variable CI is set.
"""

import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")


def main(folder="_build/html"):
    root = Path(folder).resolve()
    if not (root / "index.html").exists():
        sys.exit(f"{folder} holds no book; build it first")
    program = next(filter(None, map(shutil.which, NAMES)), "")
    if not program:
        print("no page was opened: install Chromium first (on Debian: apt-get install chromium)")
        return 1 if os.environ.get("CI") else 0
    from browser import faults  # its libraries belong to the book's environment

    found = faults(root, program)
    print("\n".join(found) or f"{folder}: no faults in a browser")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
