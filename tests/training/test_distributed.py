"""Several processes: the line of the guide, what they share, what they come to."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from musegan.config import preset
from musegan.errors import ConfigError
from musegan.training.distributed import Distributed
from musegan.training.loop import train

needs_accelerate = pytest.mark.skipif(not find_spec("accelerate"), reason="needs the distributed extra")
GUIDE = Path(__file__).parents[2] / "docs" / "researchers.md"
WHO = """
import json, os, sys, torch
from pathlib import Path
from musegan.training.distributed import Distributed
processes = Distributed(torch.device("cpu"))
mine = torch.tensor([1.0, 10.0]) if processes.is_main else torch.tensor([3.0, 40.0])
processes.average_([mine[:1], mine[1:]])
value = torch.tensor(2.0 + processes.index, requires_grad=True)
total = processes.total(value)
(total * total).backward()
found = {
    "process": os.getpid(),
    "size": int(os.environ["WORLD_SIZE"]),
    "count": processes.count,
    "share": [processes.share(6).start, processes.share(6).stop],
    "mean": mine.tolist(),
    "total": float(total),
    "gradient": float(value.grad),
    "any": [processes.any(processes.index == 1), processes.any(False)],
}
(Path(sys.argv[1]) / f"{processes.index}.json").write_text(json.dumps(found))
"""


def documented_start():
    """What the guide starts processes with."""
    text = GUIDE.read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^accelerate launch (.*) -m musegan train .*$", text, re.MULTILINE)
    return [sys.executable, "-m", "accelerate.commands.launch", *line.split(), "--main_process_port", "0"]


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done


@needs_accelerate
def test_the_line_of_the_guide_starts_two_processes(tmp_path):
    """Means are (1 + 3) / 2 and (10 + 40) / 2; 2 + 3 are 5, whose square has the gradient 10 in all, which is the
    mean of what each has."""
    script = tmp_path / "who.py"
    script.write_text(WHO)
    run([*documented_start(), script, tmp_path])
    one, two = (json.loads((tmp_path / f"{index}.json").read_text()) for index in (0, 1))
    assert one["process"] != two["process"]
    assert (one["size"], two["size"], one["count"], two["count"]) == (2, 2, 2, 2)
    assert (one["share"], two["share"]) == ([0, 3], [3, 6])
    for found in (one, two):
        assert found["mean"] == [2, 25]
        assert found["total"] == 5
        assert found["gradient"] == 20
        assert found["any"] == [True, False]


@needs_accelerate
def test_two_processes_come_to_what_one_comes_to(dataset, tmp_path):
    settings = ["train.precision=float32", "model.dropout=0", "train.n_held_out=4", "train.n_windows=4"]
    command = ["-m", "musegan", "train", dataset.path, "--preset", "tiny", "--device", "cpu"]
    options = [option for setting in settings for option in ("--set", setting)]
    done = run([*documented_start(), *command, *options, "--run", tmp_path / "two"])
    assert done.stderr.count("training with 2 processes") == 1  # one process tells
    assert done.stdout.splitlines() == [str(tmp_path / "two" / "model.safetensors")]
    list(train(dataset.path, tmp_path / "one", preset("tiny").with_settings(settings), device=torch.device("cpu")))
    one, two = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    # After one step the first moment is a tenth of the gradient.
    gradients = [name for name in one if name.endswith(".exp_avg") and one[name].any()]
    assert len(gradients) > 30
    for name in gradients:
        assert torch.linalg.norm(one[name] - two[name]) <= 1e-6 + 1e-5 * torch.linalg.norm(one[name]), name
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert [json.loads(line)["n_processes"] for log in logs for line in log] == [1, 2]  # one process writes


def test_one_process_shares_with_nobody():
    alone = Distributed(torch.device("cpu"))
    assert (alone.count, alone.index, alone.is_main) == (1, 0, True)
    assert alone.share(5) == slice(0, 5)
    values = torch.tensor([2.0, 7.0])
    alone.average_([values])
    assert values.tolist() == [2, 7]
    assert alone.total(values) is values
    assert (alone.any(True), alone.any(False)) == (True, False)


def test_batches_that_do_not_divide_evenly():
    some = Distributed(torch.device("cpu"))
    some.count, some.index = 3, 2
    assert some.share(9) == slice(6, 9)
    with pytest.raises(ConfigError, match="a multiple of 3"):
        some.share(8)
