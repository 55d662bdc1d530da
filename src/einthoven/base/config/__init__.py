"""Frozen pydantic models, the only source of config.yaml and schema.json."""

from einthoven.base.config.load import load, validate
from einthoven.base.config.models import Config
from einthoven.base.config.render import as_params

__all__ = ["Config", "as_params", "load", "validate"]
