import pytest
import torch

from musegan.errors import ConfigError
from musegan.models.runtime import THREADS_VARIABLE, composing_threads


def test_one_thread_unless_told_otherwise(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    with composing_threads():
        assert torch.get_num_threads() == 1
    monkeypatch.setenv(THREADS_VARIABLE, "3")
    with composing_threads():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("text", ["0", "many", "-1", ""])
def test_other_texts_are_told(monkeypatch, text):
    monkeypatch.setenv(THREADS_VARIABLE, text)
    with pytest.raises(ConfigError, match=THREADS_VARIABLE), composing_threads():
        pass
