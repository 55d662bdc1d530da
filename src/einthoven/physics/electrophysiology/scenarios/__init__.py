"""Scenarios: where a beat starts and what conducts it; each kind is one small class."""

from einthoven.physics.electrophysiology.scenarios.activation import activate

__all__ = ["activate"]
