"""The config as commented YAML, as JSON schema, and as plain params for rules."""

import json
import re
import types
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from einthoven.config.models import Config

HEADER = """\
# {title}
# Checked against the models in src/einthoven/config/models.py before any job starts.
# yaml-language-server: $schema=schema.json
"""
_BOUNDS = ((annotated_types.Ge, "ge", ">="), (annotated_types.Gt, "gt", ">"),
           (annotated_types.Le, "le", "<="), (annotated_types.Lt, "lt", "<"),
           (annotated_types.MultipleOf, "multiple_of", "a multiple of"))  # fmt: skip


def as_params(config: Config) -> dict[str, Any]:
    """The whole config as builtins with sorted keys, so that equal configs print equally."""
    return json.loads(json.dumps(config.model_dump(mode="json"), sort_keys=True))


def schema() -> str:
    """The JSON schema of a config file."""
    return json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, also inside a list."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (list, Annotated, types.UnionType):
        return _choices(get_args(annotation)[0])
    return ()


def _hint(field: FieldInfo) -> str:
    """Range or choices of a key."""
    bounds = [
        f"{sign} {getattr(item, name):g}"
        for item in field.metadata
        for kind, name, sign in _BOUNDS
        if isinstance(item, kind)
    ]
    choices = _choices(field.annotation)
    return " or ".join(map(str, choices)) if choices else field.description or ", ".join(bounds)


def render(config: Config, title: str) -> str:
    """A complete config file with what each section means and which values it takes.

    Args:
        config: the values.
        title: first line of comment.
    """
    lines = [HEADER.format(title=title)]
    for name in Config.model_fields:
        section = getattr(config, name)
        lines.append(f"# {(type(section).__doc__ or '').splitlines()[0]}")
        lines.append(f"{name}:")
        for key, field in type(section).model_fields.items():
            text = f"  {key}: {_yaml(getattr(section, key))}"
            hint = _hint(field)
            lines.append(f"{text:<34}  # {hint}" if hint else text)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _yaml(value: Any) -> str:
    """A number, string, list or null in YAML; 1e-06 gets the dot without which it is text."""
    if isinstance(value, float) and "e" in (text := repr(value)) and "." not in text:
        return text.replace("e", ".0e")
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value)
    return str(value) if plain or type(value) in (int, float) else json.dumps(value)
