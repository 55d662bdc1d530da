"""Write docs/data-format.md from the layout that writers and checker use.

Usage: python tools/write_data_format.py
"""

from pathlib import Path

from einthoven.base.core.files import atomic
from einthoven.data.publish.folder.about import document

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "data-format.md"

if __name__ == "__main__":
    with atomic(DOCUMENT) as temporary:
        temporary.write_text(document())
