"""Fingerprints of a script with all library modules that it imports, for rerun triggers.

Snakemake does not notice an edited module and cannot tell a comment from code. The fingerprint
follows imports statically, so an edit re-runs the rules that depend on it and no others.
"""

import ast
import hashlib
import json
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT.name
_MODULE = re.compile(rf"{PACKAGE}(\.[a-z_0-9]+)+")
_ALGORITHM = Path(__file__).read_bytes() + sys.version.encode()
NO_EFFECT = frozenset({f"{PACKAGE}.app.run.job", f"{PACKAGE}.base.core.log"})
"""Modules that cannot change a result."""


@cache
def _file_of(module: str) -> Path | None:
    """Source file of a module of this package, or None."""
    path = ROOT.joinpath(*module.split(".")[1:])
    if path.with_suffix(".py").is_file() and path != ROOT:
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree


def _parsed(source: bytes) -> tuple[str, list[str]]:
    """Hash of code without comments and docstrings, and names of this package in it."""
    tree = _without_docstrings(ast.parse(source))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value} if _MODULE.fullmatch(node.value) else set()  # python -m ...
    code = ast.dump(tree)
    ours = sorted(n for n in names if n.startswith(f"{PACKAGE}."))
    return hashlib.sha256(code.encode()).hexdigest(), ours


def _kept(path: Path) -> tuple[str, list[str]]:
    """Result of `_parsed` for a file, cached beside its bytecode: parsing all takes two seconds.

    Every start of Snakemake needs it, also each job on a cluster. It is valid for these bytes only.
    """
    source = path.read_bytes()
    stamp = hashlib.sha256(_ALGORITHM + source).hexdigest()
    file = path.parent / "__pycache__" / f"{path.stem}.fingerprint"
    try:
        of, code, names = json.loads(file.read_text())
        if of == stamp:
            return code, names
    except (OSError, ValueError, TypeError):
        pass  # none yet, or an incomplete one
    code, names = _parsed(source)
    if not sys.dont_write_bytecode:
        with suppress(OSError):
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps([stamp, code, names]))
    return code, names


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Hash of a file's code without comments and docstrings, and the modules it imports."""
    code, names = _kept(path)
    return code, frozenset(name for name in names if _file_of(name))


@cache
def _data_hash(folder: Path) -> str:
    """Hash of the data files that a room ships."""
    total = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return total.hexdigest()


def dependencies(script: str | Path, *modules: str) -> dict[str, Path]:
    """All modules of this package that a script imports, directly or not: name -> file.

    `modules` are those that it imports by a name made at run time.
    """
    files: dict[str, Path] = {}
    todo = [*_read(Path(script))[1], *modules]
    while todo:
        module = todo.pop()
        if module in files or module in NO_EFFECT or not (path := _file_of(module)):
            continue
        files[module] = path
        todo += _read(path)[1]
        if module.count(".") > 1:
            todo.append(module.rsplit(".", 1)[0])
    return files


def fingerprint(script: str | Path, *modules: str) -> str:
    """Hash of a script, the modules it depends on (see `dependencies`), and their rooms' data.

    Edits of comments and docstrings do not change its 16 hexadecimal digits.
    """
    total = hashlib.sha256(_read(Path(script))[0].encode())
    files = dependencies(script, *modules)
    for module, path in sorted(files.items()):
        total.update(f"{module}:{_read(path)[0]}".encode())
    for folder in sorted({path.parent / "data" for path in files.values()}):
        if folder.is_dir():
            total.update(_data_hash(folder).encode())
    return total.hexdigest()[:16]
