"""Scenarios: where a beat starts and how it is conducted; each kind is one small class."""

from einthoven.physics.electrophysiology.scenarios.activation import activate

__all__ = ["activate"]
