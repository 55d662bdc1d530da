"""Build the 3-D library of the interactive page from npm: OGL as one classic script.

Run where npm reaches its registry, and only for another version; the result is in the package.

    python tools/build_ogl.py
"""

import subprocess
import tempfile
from pathlib import Path

OGL, ESBUILD = "1.0.11", "0.28.2"
PARTS = "Renderer, Camera, Transform, Geometry, Program, Mesh, Texture, Vec3"
TARGET = Path(__file__).parents[1] / "src/einthoven/app/report/viewer/data/ogl.min.js"
HEADER = (
    f"/* OGL {OGL} ({PARTS}), github.com/oframe/ogl, Nathan Gordon and others; The Unlicense "
    "(public domain). Made by tools/build_ogl.py. */\n"
)


def main() -> None:
    """Download both packages into a temporary folder, bundle, minify, write."""
    with tempfile.TemporaryDirectory() as folder:
        entry, out = Path(folder, "entry.js"), Path(folder, "ogl.js")
        entry.write_text(f'export {{ {PARTS} }} from "ogl";\n')
        subprocess.run(
            ["npm", "install", "--no-save", f"ogl@{OGL}", f"esbuild@{ESBUILD}"],
            cwd=folder, check=True,
        )  # fmt: skip
        options = ["--bundle", "--minify", "--format=iife", "--global-name=OGL",
                   "--target=es2020", f"--outfile={out}"]  # fmt: skip
        subprocess.run(["node_modules/.bin/esbuild", str(entry), *options], cwd=folder, check=True)
        TARGET.write_text(HEADER + out.read_text())
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
