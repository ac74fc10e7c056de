"""What tests of composing share."""

import pytest


@pytest.fixture
def asked(monkeypatch):
    """The controls that the networks are asked for, call by call."""
    from musegan.composing import composer as module

    found, original = [], module.compose

    def spy(model, given, mask, *, controls, **options):
        found.append(controls)
        return original(model, given, mask, controls=controls, **options)

    monkeypatch.setattr(module, "compose", spy)
    return found
