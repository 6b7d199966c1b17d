"""Writes a grant's kit: everything that its subscriber needs, into one folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from consumers.jsonl import json_text
from consumers.kit.authority import AUTHORITY, hand_over_authority
from consumers.kit.dictionary import write_html, write_xlsx
from consumers.kit.samples import Row, Samples, view_samples
from infra.home import write_private
from schemas.errors import InvalidInput, Unavailable
from schemas.explaining.words import PURPOSES
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant
from schemas.policy.application import keeps_key
from schemas.policy.wording import changes, rows_words

_ELSEWHERE: Final = "Make room, or name another folder with --out"


def write_kit(
    folder: Path,
    state: LedgerState,
    grant: Grant,
    schema: Mapping[str, Any],
    properties: Path,
    bootstrap: str,
    registry: str,
    rows: Iterable[Row],
) -> None:
    """Write the kit into a folder that is new or empty; its credential is 0600.

    Args:
        folder: where to.
        state: the ledger's.
        grant: an active one.
        schema: of its view.
        properties: the grant's client properties.
        bootstrap: of the brokers.
        registry: URL of the registry.
        rows: synthetic ones of the resource, to make samples of; may be none.

    Raises:
        InvalidInput: the folder holds something, or is a file.
        Unavailable: it can't be written.
    """
    resource = state.resources[grant.resource]
    contract, policy = resource.contract, grant.policy
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInput(
                "the folder is not empty",
                where=str(folder),
                remedy="Name a new one with --out, so that no old file is handed over",
            )
        credential = hand_over_authority(properties.read_text("utf-8"), folder)
        write_private(folder / "client.properties", credential)
        text = json.dumps(schema, ensure_ascii=False, indent=2)
        (folder / "view.avsc").write_text(text + "\n", "utf-8")
        write_html(folder / "dictionary.html", contract, policy)
        write_xlsx(folder / "dictionary.xlsx", contract, policy)
        samples = view_samples(policy, resource.schema, contract, rows)
        lines = [json_text(record) + "\n" for record in samples.records]
        (folder / "samples.jsonl").write_text("".join(lines), "utf-8")
        program = files("consumers.kit").joinpath("read_view.py").read_text("utf-8")
        (folder / "read_view.py").write_text(program, "utf-8")
        has_authority = (folder / AUTHORITY).exists()
        readme = _readme(state, grant, bootstrap, registry, samples, has_authority)
        (folder / "README.md").write_text(readme, "utf-8")
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(
            "a file stands where the folder should be", where=str(folder), remedy=_ELSEWHERE
        ) from error
    except OSError as error:
        raise Unavailable(
            f"the kit can't be written: {error.strerror}", where=str(folder), remedy=_ELSEWHERE
        ) from error


def zip_kit(folder: Path) -> Path:
    """Pack the folder into a 0600 archive beside it, and return the archive."""
    archive = folder.with_name(folder.name + ".zip")
    try:
        archive.touch(mode=0o600)
        archive.chmod(0o600)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(folder.iterdir()):
                packed.write(file, f"{folder.name}/{file.name}")
    except OSError as error:
        raise Unavailable(
            f"the archive can't be written: {error.strerror}",
            where=str(archive),
            remedy=_ELSEWHERE,
        ) from error
    return archive


def _readme(
    state: LedgerState,
    grant: Grant,
    bootstrap: str,
    registry: str,
    samples: Samples,
    has_authority: bool,
) -> str:
    from jinja2 import Environment

    resource = state.resources[grant.resource]
    contract, policy = resource.contract, grant.policy
    items = [item.name for item in contract.items if item.name in policy.top_items]
    people = [p.name for p in state.persons.values() if p.department == resource.lead]
    # Markdown for people, not a page: nothing is escaped.
    text = files("consumers.kit").joinpath("README.md.j2").read_text("utf-8")
    template = Environment(autoescape=False).from_string(text)  # noqa: S701
    return template.render(
        contract=contract,
        grant=grant,
        purpose=PURPOSES.get(grant.purpose.kind, grant.purpose.kind),
        subscriber=state.departments[grant.subscriber].name,
        lead=state.departments[resource.lead].name,
        people="、".join(people),
        items="、".join(items),
        changes=changes(policy),
        rows=rows_words(policy),
        has_raw_key=keeps_key(policy, contract.key),
        bootstrap=bootstrap,
        registry=registry,
        samples=len(samples.records),
        within_rows=samples.within_rows,
        authority=AUTHORITY if has_authority else "",
    )
