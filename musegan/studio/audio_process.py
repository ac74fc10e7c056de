"""Turns MIDI into sound in a process of its own, so that the page is answered meanwhile: the synthesizer holds the
interpreter's lock. The process ends when the pipe to it does, so it outlives no server."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from musegan.errors import MidiError


class AudioProcess:
    """A process that renders one file at a time. It starts with the first file and again after a crash."""

    def __init__(self, font: Path) -> None:
        self.font = font
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def render(self, midi: bytes) -> bytes:
        """A ``.wav`` file as long as the music and what rings on. Raises `MidiError`."""
        with self._lock:
            process = self._start_process()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _write_message(process.stdin, midi)
                answer = _read_message(process.stdout)
            except OSError:
                answer = None
            if not answer:
                self._process = None
                raise MidiError("the synthesizer stopped; try again")
        if answer[:4] != b"RIFF":
            raise MidiError(answer.decode("utf-8", "replace"))
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(timeout=10)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def _start_process(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "musegan.studio.audio_process", str(self.font)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process


def _write_message(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(len(data).to_bytes(4, "big") + data)
    pipe.flush()


def _read_message(pipe: IO[bytes]) -> bytes | None:
    """The next message of a pipe, None at its end."""
    head = pipe.read(4)
    return pipe.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def main() -> None:
    from musegan.render.synthesizer import render_wave

    font = Path(sys.argv[1])
    while (midi := _read_message(sys.stdin.buffer)) is not None:
        try:
            answer = render_wave(midi, font, trim=True)
        except Exception as error:  # told to the one who asked; the process goes on
            answer = str(error).encode()
        _write_message(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
