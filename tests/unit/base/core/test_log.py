"""Progress on a terminal: what is said, when, and nothing of it elsewhere."""

import io
import time

import pytest

from einthoven.base.core import log
from einthoven.base.core.log import progress_line, step, track


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error and output become one terminal, and the line appears at once.

    Called in the test: pytest exchanges both streams between a fixture and its test.
    """
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr(log, "SILENT_S", 0.0)
    monkeypatch.setattr(log, "REDRAWN_S", 0.01)
    return terminal


def test_a_step_is_shown_with_the_time_and_removed(monkeypatch) -> None:
    terminal = terminal_for(monkeypatch)
    with progress_line("einthoven twin"):
        step("meshing")
        time.sleep(0.05)
    said = terminal.getvalue()
    assert "meshing, 0 s" in said
    assert said.endswith("\r\033[K")


def test_an_answer_stands_on_a_line_of_its_own(monkeypatch) -> None:
    terminal = terminal_for(monkeypatch)
    with progress_line("einthoven twin"):
        time.sleep(0.05)
        print("the answer")
    before = terminal.getvalue().partition("the answer")[0]
    assert before.endswith("\r\033[K")


def test_items_are_counted_in_the_line(monkeypatch) -> None:
    terminal = terminal_for(monkeypatch)
    with progress_line("einthoven audit"):
        for _ in track(["a", "b"], "file"):
            time.sleep(0.02)
    assert "file 1 of 2" in terminal.getvalue() and "file 2 of 2" in terminal.getvalue()


def test_a_short_command_shows_no_line(monkeypatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(log, "SILENT_S", 60.0)
    with progress_line("einthoven config"):
        step("reading")
    assert terminal.getvalue() == ""


def test_without_a_terminal_nothing_is_said(capsys) -> None:
    with progress_line("einthoven twin"):
        step("meshing")
        assert list(track([1, 2], "file")) == [1, 2]
    assert capsys.readouterr() == ("", "")
