"""Frozen pydantic models, the only source of config.yaml and schema.json."""

from einthoven.base.config.load import as_params, load, validate
from einthoven.base.config.models import Config

__all__ = ["Config", "as_params", "load", "validate"]
