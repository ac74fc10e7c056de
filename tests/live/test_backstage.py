"""The band in a process of its own composes as it would here, and says when it cannot."""

import os
import signal

import numpy as np
import pytest

from musegan.composing.wishes import Wishes
from musegan.errors import MuseganError
from musegan.live.backstage import Backstage
from musegan.live.band import Band


def test_a_process_composes_the_same_bars_and_tells_what_goes_wrong(model):
    band = Band(model, "keys", wishes=Wishes(seed=2))
    backstage = Backstage(band)
    try:
        assert backstage.first_time > 0
        for bar, wishes in enumerate((Wishes(seed=2), Wishes(seed=2, temperature=0.5))):
            heard = np.zeros(model.spec.shape(bar), np.uint8)
            heard[1, :, 0, 12] = 2
            band.wishes = wishes
            np.testing.assert_array_equal(backstage.next_bar(bar, heard, wishes), band.next_bar(bar, heard))
        with pytest.raises(MuseganError, match="the next bar cannot be composed: IndexError"):
            backstage.next_bar(2, np.zeros((1, 1), np.uint8), wishes)
        assert backstage.next_bar(2, heard, wishes).any()
        os.kill(backstage._process.pid, signal.SIGKILL)
        backstage._process.join()
        with pytest.raises(MuseganError, match="the process that composes has ended"):
            backstage.next_bar(3, heard, wishes)
    finally:
        backstage.close()
    assert not backstage._process.is_alive()


def test_a_band_that_cannot_begin_is_told_in_one_sentence(model, capfd, monkeypatch):
    monkeypatch.setattr(Band, "plain", lambda self: self)
    band = Band(model, "keys", wishes=Wishes(seed=2))
    band.kept = 99
    with pytest.raises(MuseganError, match="cannot be composed: IndexError"):
        Backstage(band)
    assert "Traceback" not in capfd.readouterr().err
