"""What is copied before a graph is replayed, and what happens without a GPU."""

from dataclasses import fields

import torch

from musegan.networks.controls import Cues
from musegan.training.cuda_graph import CudaGraph, copy_tensors
from musegan.training.trainer import Batch


def test_every_tensor_of_a_batch_is_copied_in_place():
    def cues(value):
        return Cues(**{item.name: torch.full((2,), value) for item in fields(Cues)})

    def batch(value):
        one = torch.full((3,), value)
        rest = dict.fromkeys(("conditions", "latents", "noise", "change"))
        return Batch(real=one, song=one + 1, given=one + 2, cues=cues(value), **rest)

    held = batch(1.0)
    places = [held.real.data_ptr(), held.cues.play.data_ptr()]
    copy_tensors(held, batch(5.0))
    assert (held.real.tolist(), held.given.tolist(), held.cues.play.tolist()) == ([5.0] * 3, [7.0] * 3, [5.0] * 2)
    assert [held.real.data_ptr(), held.cues.play.data_ptr()] == places


def test_where_nothing_is_recorded_a_function_is_called_every_time():
    calls = iter([3, 4])
    work = CudaGraph(lambda: next(calls), is_recorded=False)
    assert [work(), work()] == [3, 4]
