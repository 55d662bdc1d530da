"""The config as commented YAML, as JSON schema, and as plain params for rules."""

import json
import re
from typing import Any

from einthoven.base.config.models import Config
from einthoven.base.config.section import builtins_of

HEADER = """\
# {title}
# Checked against the models in src/einthoven/base/config/models.py before any job starts.
# yaml-language-server: $schema=schema.json
"""
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
           "multipleOf": "a multiple of"}  # fmt: skip


def as_params(config: Config) -> dict[str, Any]:
    """The whole config as plain builtins."""
    return builtins_of(config)


def schema() -> str:
    """The JSON schema of a config file."""
    return json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"


def hint(key: dict[str, Any]) -> str:
    """Allowed values of a key, by its JSON schema: choices (also of a list), words, or a range."""
    if choices := (key.get("items") or key).get("enum"):
        return " or ".join(map(str, choices))
    bounds = [f"{sign} {key[name]:g}" for name, sign in _BOUNDS.items() if name in key]
    return key.get("description") or ", ".join(bounds)


def render(config: Config, title: str) -> str:
    """A complete config file that explains each section and the values it takes."""
    lines = [HEADER.format(title=title)]
    for name in Config.model_fields:
        section = getattr(config, name)
        lines.append(f"# {(type(section).__doc__ or '').splitlines()[0]}")
        lines.append(f"{name}:")
        values = section.model_dump(mode="json")
        for key, its_schema in type(section).model_json_schema()["properties"].items():
            if isinstance(values[key], list) and values[key] and isinstance(values[key][0], dict):
                rows = ("{" + ", ".join(f"{k}: {yaml_value(v)}" for k, v in row.items()) + "}"
                        for row in values[key])  # fmt: skip
                lines += [f"  {key}:", *(f"    - {row}" for row in rows)]
                continue
            text = f"  {key}: {yaml_value(values[key])}"
            allowed = hint(its_schema)
            lines.append(f"{text:<34}  # {allowed}" if allowed else text)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def yaml_value(value: Any) -> str:
    """A number, string, list or null in YAML; 1e-06 gets a point, or YAML reads it as text."""
    if isinstance(value, float) and "e" in (text := repr(value)) and "." not in text:
        return text.replace("e", ".0e")
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value)
    return str(value) if plain or type(value) in (int, float) else json.dumps(value)
