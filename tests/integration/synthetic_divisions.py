"""Made-up divisions: rows that no register holds, from a seed."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ITEMS = ("code", "name", "level", "parent", "path", "area", "population")


def townships(province: str, count: int, seed: int = 0) -> list[Row]:
    """Return rows whose codes start with the province's two digits; areas are null now and then."""
    chance = random.Random(f"{province}/{seed}")
    rows = []
    for number in range(count):
        code = f"{province}{number:07d}"
        name = f"第{chance.randrange(10**6)}镇"
        path = [f"{province}省", f"{code[:4]}市", f"{code[:6]}县", name]
        area = None if chance.random() < 0.3 else round(chance.uniform(1, 9000), 2)
        rows.append(
            dict(zip(ITEMS, (code, name, "township", code[:6], path, area, None), strict=True))
        )
    return rows


def write_csv(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as `sharebus publish` reads them."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(ITEMS)
        for row in rows:
            area = "" if row["area"] is None else row["area"]
            writer.writerow([*(row[name] for name in ITEMS[:4]), "/".join(row["path"]), area, ""])
    return file
