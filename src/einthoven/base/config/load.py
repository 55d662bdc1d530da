"""Config files: read and checked before any job starts, or rendered.

A config is rendered as commented YAML, as JSON schema, and as plain params for rules.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from einthoven.base.config.models import Config
from einthoven.base.config.section import Section, builtins_of
from einthoven.base.core.errors import BadInput

HEADER = """\
# {title}
# Checked against the models in src/einthoven/base/config/models.py before any job starts.
# yaml-language-server: $schema=schema.json
"""
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
           "multipleOf": "a multiple of"}  # fmt: skip


def _keys_at(kind: type[Section], path: tuple[Any, ...]) -> list[str]:
    """Keys of the section at a path; none below a mapping, whose values have several types."""
    model: Any = kind
    for step in path:
        fields = getattr(model, "model_fields", {})
        model = fields[step].annotation if step in fields else None
    return list(getattr(model, "model_fields", []))


def explained(kind: type[Section], error: dict[str, Any]) -> str:
    """One line for one pydantic error: the key, what is wrong, the cure."""
    import difflib

    path, message = error["loc"], error["msg"].removeprefix("Value error, ")
    if not path:  # of several sections: the message names them
        return message
    key = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(path[-1]), _keys_at(kind, path[:-1]), n=1, cutoff=0.5)
        return f"{key}: unknown key" + (f"; did you mean '{close[0]}'?" if close else "")
    value = error.get("input")
    if isinstance(value, str) and error["type"] in ("float_type", "int_type"):
        return f"{key}: '{value}' is text, not a number; YAML needs a dot in exponents (1.0e-3)"
    return f"{key}: {message} (got {value!r})"


def validate(data: dict[str, Any] | None) -> Config:
    """Check a config mapping; missing sections and keys take their defaults.

    Raises:
        BadInput: one line per wrong key, with the cure.
    """
    try:
        return Config.model_validate(data or {})
    except ValidationError as error:
        lines = [explained(Config, dict(e)) for e in error.errors()]
        raise BadInput("config: " + "; ".join(lines)) from None


def load(path: str | Path) -> Config:
    """Read a YAML config file; sections and keys that it lacks take their defaults.

    Args:
        path: such as config/config.yaml.

    Raises:
        BadInput: the file is missing, is not YAML, or has wrong keys.
    """
    try:
        data = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: no such config file; name another one, or write one with all defaults by "
            "`einthoven config --full > FILE`"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if data is not None and not isinstance(data, dict):
        raise BadInput(f"{path}: expected sections with keys, got {type(data).__name__}")
    return validate(data)


def section_of[S: Section](kind: type[S], values: Mapping[str, Any], where: str) -> S:
    """Build a section from values, within its ranges.

    Raises:
        BadInput: one line that lists all faults.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(explained(kind, dict(e)) for e in error.errors())
        raise BadInput(f"{where}: {problems}") from None


def read_section[S: Section](
    kind: type[S], data: dict[str, Any], where: str, cure: str = "train again"
) -> S:
    """Build a section as a result file states it: every key is required.

    Args:
        kind: class of the section.
        data: its keys.
        where: the file, for the message.
        cure: how to make the result again; by default, that of a trained model.

    Raises:
        BadInput: a key is missing, unknown or wrong: the file is from another version of einthoven.
    """
    if missing := sorted(kind.model_fields.keys() - data.keys()):
        problem = f"key {', '.join(missing)} is missing"
    else:
        try:
            return kind.model_validate(data)
        except ValidationError as error:
            problem = "; ".join(explained(kind, dict(e)) for e in error.errors())
    raise BadInput(f"{where}: from another version of einthoven, {problem}; {cure}")


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
            if key == "fixed_sites" and values[key]:  # too long for one line
                named = (f"    {name}: {yaml_value(sites)}" for name, sites in values[key].items())
                lines += [f"  {key}:", *named]
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
