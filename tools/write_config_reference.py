"""Write config/README.md, the table of all keys, from the models that check a config.

Usage: python tools/write_config_reference.py
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

from einthoven.base.config.load import hint, yaml_value
from einthoven.base.config.models import Config
from einthoven.base.config.section import Section
from einthoven.base.core.files import atomic

DOCUMENT = Path(__file__).resolve().parent.parent / "config" / "README.md"
HEAD = """\
# The config

Made by `tools/write_config_reference.py` from the models that check a config before any job starts.

`config/config.yaml` is the default, at laptop size; copy it, edit it, and run
`snakemake --configfile FILE` (or `--profile slurm` on a cluster). Keys that a file leaves out take
the defaults below, an unknown key or a value out of range is an error before any job starts, and
`einthoven config FILE` tells both without a run. Editors check a file against
`config/schema.json`. Science is in the config, machines (cores, memory, partitions) are in
`profiles/`. An edit makes again what depends on it, and nothing else
([which edit runs what](../docs/reference/re-runs.md)).

| file | what for |
|---|---|
| `config.yaml` | 32 patients on a laptop, `make demo` |
| `ci.yaml` | a run of minutes, for tests |
| `ci-varied.yaml` | three patients in whom everything varies, for tests |
| `study.yaml` | learning studies: 132 anatomies, hearts of 2.2 mm, 80 electrodes |
| `fine.yaml` | the finest meshes |
| `any_body.yaml` | a family as wide as people, for the operator |
| `people.yaml` | healthy people: physiology fitted to recorded ECGs |
| `landajuela.yaml` | beats after the design of Landajuela 2022: few hearts, fixed patterns |
| `paper.yaml` | the sizes of the papers |
"""


def document() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, field in Config.model_fields.items():
        section = field.annotation
        assert isinstance(section, type) and issubclass(section, Section)
        parts.append(f"\n## `{name}`\n\n{inspect.cleandoc(section.__doc__ or '')}\n")
        parts.append("\n| key | default | values | meaning |\n|---|---|---|---|\n")
        parts += _rows(section)
    return "".join(parts)


def _rows(section: type[Section]) -> Iterator[str]:
    meanings, values = _meanings(section), section().model_dump(mode="json")
    for key, schema in section.model_json_schema()["properties"].items():
        cells = (f"`{key}`", f"`{yaml_value(values[key])}`", hint(schema), meanings.get(key, ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _meanings(section: type[Section]) -> dict[str, str]:
    """Key -> the string below it, of a section and those it inherits from."""
    found: dict[str, str] = {}
    for kind in reversed(section.__mro__):
        if not (issubclass(kind, Section) and kind is not Section):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        assert isinstance(body, ast.ClassDef)
        for key, text in zip(body.body, body.body[1:]):
            if (
                isinstance(key, ast.AnnAssign)
                and isinstance(key.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[key.target.id] = " ".join(str(text.value.value).split())
    return found


if __name__ == "__main__":
    with atomic(DOCUMENT) as temporary:
        temporary.write_text(document())
