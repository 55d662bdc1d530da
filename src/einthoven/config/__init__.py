"""The frozen pydantic models that are the only source of config.yaml and schema.json."""

from einthoven.config.load import load, validate
from einthoven.config.models import Config
from einthoven.config.render import as_params

__all__ = ["Config", "as_params", "load", "validate"]
