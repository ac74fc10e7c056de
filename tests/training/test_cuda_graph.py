"""What is copied before a graph is replayed, and what happens without a GPU."""

from dataclasses import fields

import torch

from musegan.networks.controls import ConditionTensors
from musegan.training.cuda_graph import CudaGraph, copy_tensors
from musegan.training.trainer import Batch


def test_every_tensor_of_a_batch_is_copied_in_place():
    def conditioning(value):
        return ConditionTensors(**{item.name: torch.full((2,), value) for item in fields(ConditionTensors)})

    def batch(value):
        one = torch.full((3,), value)
        rest = dict.fromkeys(("conditions", "latents", "noise", "change"))
        return Batch(real=one, song=one + 1, given=one + 2, conditioning=conditioning(value), **rest)

    held = batch(1.0)
    places = [held.real.data_ptr(), held.conditioning.play.data_ptr()]
    copy_tensors(held, batch(5.0))
    assert (held.real.tolist(), held.given.tolist(), held.conditioning.play.tolist()) == (
        [5.0] * 3,
        [7.0] * 3,
        [5.0] * 2,
    )
    assert [held.real.data_ptr(), held.conditioning.play.data_ptr()] == places


def test_where_nothing_is_recorded_a_function_is_called_every_time():
    calls = iter([3, 4])
    work = CudaGraph(lambda: next(calls), is_recorded=False)
    assert [work(), work()] == [3, 4]
