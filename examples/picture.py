"""Plays the demo and draws its last parts as a picture of a terminal.

    make picture

The picture needs nothing from anywhere: fonts are the reader's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path("docs/demo.svg")
FROM = "A department without a grant is turned away"
WIDTH = 112
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{
font-family: "Noto Sans Mono CJK SC", "Sarasa Mono SC", "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<rect fill="#1e1e1e" width="{width}" height="{height}" rx="6"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""  # noqa: E501


_WIDE = re.compile("[\u2e80-\u9fff\uff00-\uffef]+")

_STRETCH = re.compile(rf'textLength="([0-9.]+)"([^>]*>{_WIDE.pattern}</text>)')


def _even(text: Text) -> Text:
    """Make runs of Chinese stretches of their own, so that columns stay where they are.

    The picture gives each stretch its length, and spreads its characters evenly.
    """
    for run in _WIDE.finditer(text.plain):
        text.stylize("not blink", *run.span())
    return text


def _doubled(stretch: re.Match[str]) -> str:
    """Give a wide stretch its length: rich counts its characters and not their cells."""
    return f'textLength="{2 * float(stretch[1]):g}"{stretch[2]}'


def main() -> int:
    """Play, and draw if it went well."""
    demo = Path(__file__).with_name("demo.py")
    colours = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(WIDTH - 2)}
    played = subprocess.run(
        [sys.executable, str(demo)],
        env={**os.environ, **colours},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if played.returncode:
        sys.stderr.write(played.stdout)
        return played.returncode
    shown = played.stdout[played.stdout.index(FROM) :]
    PICTURE.parent.mkdir(exist_ok=True)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(_even(Text.from_ansi(shown)))
        drawn = console.export_svg(title="", code_format=_FORMAT)
    PICTURE.write_text(_STRETCH.sub(_doubled, drawn), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
