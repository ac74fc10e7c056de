"""The band in a process of its own composes as it would here, and says when it cannot."""

import os
import signal

import numpy as np
import pytest

from musegan.composing.request import GenerationRequest
from musegan.errors import MuseganError
from musegan.live.band import Band
from musegan.live.composer_process import ComposerProcess


def test_a_process_composes_the_same_bars_and_tells_what_goes_wrong(model):
    band = Band(model, "keys", request=GenerationRequest(seed=2))
    process = ComposerProcess(band)
    try:
        assert process.first_time > 0
        for bar, request in enumerate((GenerationRequest(seed=2), GenerationRequest(seed=2, temperature=0.5))):
            heard = np.zeros(model.spec.shape(bar), np.uint8)
            heard[1, :, 0, 12] = 2
            band.request = request
            np.testing.assert_array_equal(process.next_bar(bar, heard, request), band.next_bar(bar, heard))
        with pytest.raises(MuseganError, match="the next bar cannot be composed: IndexError"):
            process.next_bar(2, np.zeros((1, 1), np.uint8), request)
        assert process.next_bar(2, heard, request).any()
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.join()
        with pytest.raises(MuseganError, match="the process that composes has ended"):
            process.next_bar(3, heard, request)
    finally:
        process.close()
    assert not process._process.is_alive()


def test_a_band_that_cannot_begin_is_told_in_one_sentence(model, capfd, monkeypatch):
    monkeypatch.setattr(Band, "plain", lambda self: self)
    band = Band(model, "keys", request=GenerationRequest(seed=2))
    band.kept = 99
    with pytest.raises(MuseganError, match="cannot be composed: IndexError"):
        ComposerProcess(band)
    assert "Traceback" not in capfd.readouterr().err
