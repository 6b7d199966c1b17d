"""Code lists: the values that national standards give, as data with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from schemas.errors import InvalidContract


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list.

    Attributes:
        id: as contracts name it.
        standard: where it comes from, with its year.
        title: its Chinese name.
        titles: Chinese title of each code, in the standard's order.
    """

    id: str
    standard: str
    title: str
    titles: Mapping[str, str]


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Return every list that comes with the project, by id."""
    found = {}
    for file in files("schemas").joinpath("code_lists").iterdir():
        if file.name.endswith(".yaml"):
            document = yaml.safe_load(file.read_text("utf-8"))
            identity = file.name.removesuffix(".yaml")
            found[identity] = CodeList(
                identity, document["standard"], document["title"], document["codes"]
            )
    return dict(sorted(found.items()))


def code_list(identity: str) -> CodeList:
    """Return a list.

    Raises:
        InvalidContract: there is none of that id; the remedy names those there are.
    """
    found = code_lists().get(identity)
    if found is None:
        raise InvalidContract(
            f"there is no code list {identity!r}", remedy=f"There are: {', '.join(code_lists())}"
        )
    return found
