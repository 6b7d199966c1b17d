"""A file's bytes from front to back, gunzipped where need be: counted, and hashed as they are read.

Only what was handed out counts, so that count and digest belong to the row that was read last.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from producers.sources.source import Mark
from schemas.errors import InvalidInput

LONGEST_LINE: Final = 16 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"


class Content:
    """The bytes of one file; a gzip file is known by how it begins.

    Attributes:
        size: of the file, in bytes.
        count: bytes of content handed out.
        number: of the line or row handed out last; kept by the source.

    Raises:
        InvalidInput: the file can't be opened or read, or is damaged.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.count = self.number = 0
        self._hash = hashlib.sha256()
        self._lines: Iterator[bytes] | None = None
        with explained(file):
            # Open as long as this: whoever reads to the end or gives up drops both.
            self._raw: IO[bytes] = file.open("rb")
            self.size = file.stat().st_size
            self._zipped = self._raw.read(2) == _GZIP
            self._raw.seek(0)
        self._stream: Any = gzip.GzipFile(fileobj=self._raw) if self._zipped else self._raw

    @property
    def position(self) -> int:
        """How far reading is, in bytes of the file."""
        return self._raw.tell() if self._zipped else self.count

    def read(self, length: int) -> bytes:
        """Return so many bytes, fewer at the end."""
        with explained(self.file):
            found: bytes = self._stream.read(length)
        self._take(found)
        return found

    def lines(self) -> Iterator[bytes]:
        """Yield lines with their ends, which are LF, CR LF or CR."""
        for line in self._all_lines():
            self._take(line)
            yield line

    def mark(self) -> Mark:
        """Return the mark behind what was handed out."""
        return Mark(self.count, self.number, self._hash.hexdigest())

    def pass_lines(self, mark: Mark) -> bool:
        """Go behind a mark at the end of a line; False if other bytes stand before it.

        A last line without an end that got one since is the same line.
        """
        for line in self._all_lines() if self.count < mark.size else ():
            left = mark.size - self.count
            bare = line.rstrip(b"\r\n") if len(line) > left else line
            if len(line) > left != len(bare):
                return False
            before = self._hash.copy()
            before.update(bare)
            self._take(line)
            if len(bare) == left:
                self.number = mark.number
                return before.hexdigest() == mark.digest
        return self.mark() == mark

    def close(self) -> None:
        """Let the file go."""
        self._raw.close()

    def _take(self, found: bytes) -> None:
        self.count += len(found)
        self._hash.update(found)

    def _all_lines(self) -> Iterator[bytes]:
        if self._lines is None:
            self._lines = self._split()
        return self._lines

    def _split(self) -> Iterator[bytes]:
        rest = b""
        while True:
            with explained(self.file):
                chunk = self._stream.read(_CHUNK)
            if not chunk:
                break
            pieces = (rest + chunk).splitlines(keepends=True)
            # A CR at the end may be half an end of line.
            rest = b"" if pieces[-1].endswith(b"\n") else pieces.pop()
            yield from pieces
            if len(rest) > LONGEST_LINE:
                raise InvalidInput(
                    f"a line is longer than {LONGEST_LINE:,} bytes", where=str(self.file)
                )
        if rest:
            yield rest


def encoding_of(file: Path) -> str:
    """Return `utf-8`, or `gb18030` for a file that is this and not UTF-8; reads it whole.

    Raises:
        InvalidInput: it is neither.
    """
    for encoding in ("utf-8", "gb18030"):
        decoder, content = codecs.getincrementaldecoder(encoding)(), Content(file)
        try:
            while chunk := content.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        finally:
            content.close()
        return encoding
    raise InvalidInput(
        "the file is not UTF-8, and not GB18030 either", where=str(file), remedy="Save it as UTF-8"
    )


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn what the system says of a file into an error of the bus."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(
            "the gzip file is damaged or ends too early", where=str(file), remedy="Make it anew"
        ) from error
    except OSError as error:
        raise InvalidInput(
            f"the file can't be read: {error.strerror or type(error).__name__}",
            where=str(file),
            remedy="Check its path and its permissions",
        ) from error
