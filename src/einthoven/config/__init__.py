"""The frozen pydantic models that are the only source of config.yaml and schema.json."""

from einthoven.config.load import load, validate
from einthoven.config.models import Config

__all__ = ["Config", "load", "validate"]
