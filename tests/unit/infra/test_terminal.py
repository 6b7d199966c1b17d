"""What commands print stands there as it is, and nothing is shown before there is something."""

from __future__ import annotations

import pytest

from infra.terminal import Output, late_progress_bar, show


def test_a_table_shows_square_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern or a matter with [brackets] is text, no markup of the terminal library's."""
    show([{"text": "^[a-z][a-z0-9_]*$ [bold]x[/bold] [/]"}], Output.TABLE)
    assert "^[a-z][a-z0-9_]*$ [bold]x[/bold] [/]" in capsys.readouterr().out


def test_a_table_shows_the_whole_of_a_long_chinese_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It has no spaces to break at, so it is folded between characters rather than cut off."""
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 150)))
    show([{"text": text, "other": text}], Output.TABLE)
    shown = capsys.readouterr().out
    assert all(shown.count(character) == 2 for character in text)


def test_a_bar_that_nobody_starts_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that can't be read is told without a bar at 0%."""
    with late_progress_bar() as bar:
        bar.add_task("publishing", count="")
    assert capsys.readouterr().err == ""


def test_a_bar_that_is_started_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """And stopped with the block."""
    with late_progress_bar() as bar:
        bar.add_task("publishing", count="")
        bar.start()
    assert "publishing" in capsys.readouterr().err
    assert not bar.live.is_started
