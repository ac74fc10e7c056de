"""Who may train in a folder, and what a kill leaves in it."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from musegan.config import preset
from musegan.errors import ConfigError
from musegan.training.loop import train
from musegan.training.run_folder import run_folder

STATES = ["checkpoint.safetensors"]
HOLD = """
import sys, time
from pathlib import Path
from musegan.training.run_folder import run_folder
with run_folder(Path(sys.argv[1]), False, ["checkpoint.safetensors"]):
    print("held", flush=True)
    time.sleep(60)
"""


def killed_run(folder):
    """What a run has left that was killed before its first checkpoint."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**preset("tiny").to_dict(), "dataset": "songs.npz"}))
    (folder / "log.jsonl").write_text('{"windows_seen": 9}\n')
    (folder / "samples").mkdir()
    (folder / ".checkpoint.safetensors.x1").mkdir()
    (folder / ".checkpoint.safetensors.x1" / "checkpoint.safetensors").write_bytes(b"half")
    return folder


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_a_checkpoint_starts_afresh(dataset, tmp_path, resume):
    folder = killed_run(tmp_path / "run")
    config = preset("tiny").with_settings(["train.n_windows=8"])
    steps = list(train(dataset.path, folder, config, device=torch.device("cpu"), resume=resume))
    assert [step.windows_seen for step in steps] == [8]
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["windows_seen"] for line in lines] == [8]
    assert (folder / "checkpoint.safetensors").is_file()
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("names", "resume", "message"),
    [
        (["thesis.txt"], False, "not a run"),
        (["thesis.txt"], True, "nothing to resume"),
        ([], True, "nothing to resume"),
        (["config.json", "best.safetensors"], False, "has best.safetensors but no checkpoint"),
        (["config.json", "checkpoint.safetensors"], False, "resume it"),
    ],
)
def test_folders_that_are_refused_stay_as_they_are(tmp_path, names, resume, message):
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match=message), run_folder(tmp_path, resume, STATES):
        pass
    if names:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_new_folder_is_left_out_when_nothing_came_of_it(tmp_path):
    with pytest.raises(KeyError), run_folder(tmp_path / "run", False, STATES):
        raise KeyError
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_processes_do_not_share_a_run_and_a_kill_frees_it(tmp_path):
    folder = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConfigError, match="another process trains"), run_folder(folder, False, STATES):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with run_folder(folder, False, STATES) as can_resume:
        assert not can_resume
