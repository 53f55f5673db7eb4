"""Describe a unit's ``data/`` as an RO-Crate 1.1 with a Process Run Crate 0.5: what ran on what.

The crate is a description, not a protection: the manifests protect it. It is made of files and
arguments only, so the same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from workbench.evidence.bag import list_files
from workbench.evidence.files import canonical_json, sha256_file

__all__ = ["CRATE", "make_crate"]

CRATE = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_LICENSE = "https://creativecommons.org/licenses/by/4.0/"
_MEDIA = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_INPUTS = ("inputs/", "protocol/", "context.json")


def make_crate(
    data: Path,
    *,
    study: str,
    community: str,
    edition: int,
    title: str,
    description: str,
    issued: date,
    publisher: str,
    parameters: Mapping[str, Any],
    versions: Mapping[str, str],
    finished: datetime,
    publisher_url: str = "",
    license_url: str = _LICENSE,
    known: Mapping[str, str] | None = None,
) -> bytes:
    """Return ``ro-crate-metadata.json`` for a unit's ``data/``.

    Parameters
    ----------
    data : Path
        The folder with reports in place; an earlier crate in it is left out.
    study, community, edition : str, str, int
        Whose report it is.
    title, description : str
        Of the data set, for readers.
    issued : date
        Becomes ``datePublished``.
    publisher : str
        Name of the assessing organisation.
    parameters : mapping
        Parameters of the notebook.
    versions : mapping of str to str
        Software by name; ``workbench`` is the instrument.
    finished : datetime
        End of the notebook's run, aware.
    publisher_url : str
        Its web address, where it has one.
    license_url : str
        Licence of the data set.
    known : mapping of str to str, optional
        Path → SHA-256 of files that were read just now and are not read again.

    Returns
    -------
    bytes
        JSON-LD.

    Raises
    ------
    ValueError
        For a time without zone.
    InputError
        ``bag.name``, as :func:`workbench.evidence.bag.list_files`.
    """
    if finished.tzinfo is None:
        raise ValueError("the end of the run needs a time zone")
    names = [name for name in list_files(data) if name != CRATE]
    inputs = [name for name in names if name.startswith(_INPUTS)]
    outputs = [name for name in names if not name.startswith(_INPUTS)]
    settings = [_parameter(name, value) for name, value in sorted(parameters.items())]
    organisation = {
        "@id": publisher_url or "#publisher",
        "@type": "Organization",
        "name": publisher,
    }
    if publisher_url:
        organisation["url"] = publisher_url
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": _PROFILE},
        "name": title,
        "description": description,
        "identifier": f"{study}/{community}/{edition}",
        "datePublished": issued.isoformat(),
        "license": {"@id": license_url},
        "author": {"@id": organisation["@id"]},
        "publisher": {"@id": organisation["@id"]},
        "hasPart": _links(names),
        "mentions": {"@id": "#run"},
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"{title}: run of the notebook",
        "description": "The notebook ran on the unit's slice; the reports render its findings.",
        "agent": {"@id": organisation["@id"]},
        "instrument": {"@id": _software("workbench")},
        "object": _links(inputs) + [{"@id": setting["@id"]} for setting in settings],
        "result": _links(outputs),
        "endTime": finished.astimezone(UTC).isoformat(timespec="seconds"),
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    software = [
        {
            "@id": _software(name),
            "@type": "SoftwareApplication",
            "name": name,
            "version": version,
            "url": _software(name),
        }
        for name, version in sorted({"workbench": "", **versions}.items())
    ]
    graph: list[Mapping[str, Any]] = [
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        },
        root,
        {
            "@id": _PROFILE,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": "0.5",
        },
        {"@id": license_url, "@type": "CreativeWork", "name": license_url},
        organisation,
        run,
        *software,
        *settings,
        *(_file(data, name, (known or {}).get(name)) for name in names),
    ]
    context = [
        "https://w3id.org/ro/crate/1.1/context",
        "https://w3id.org/ro/terms/workflow-run/context",
    ]
    return canonical_json({"@context": context, "@graph": graph})


def _file(data: Path, name: str, digest: str | None) -> dict[str, Any]:
    path = data / name
    found: dict[str, Any] = {
        "@id": _identifier(name),
        "@type": "File",
        "name": name,
        "contentSize": str(path.stat().st_size),
        "sha256": digest or sha256_file(path),
    }
    if path.suffix in _MEDIA:
        found["encodingFormat"] = _MEDIA[path.suffix]
    return found


def _parameter(name: str, value: Any) -> dict[str, Any]:
    return {
        "@id": f"#parameter-{name}",
        "@type": "PropertyValue",
        "name": name,
        "value": "" if value is None else str(value),
    }


def _software(name: str) -> str:
    distribution = "community-workbench" if name == "workbench" else name
    return f"pkg:pypi/{distribution}"  # a package URL: a name, no address


def _links(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"@id": _identifier(name)} for name in names]


def _identifier(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="/._-~")
