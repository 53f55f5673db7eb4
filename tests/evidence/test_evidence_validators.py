"""Other people's validators accept genuine bags."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evidence.forger import UNITS, World


def test_bagit_accepts_the_genuine_bags(world: World) -> None:
    import bagit

    for unit in UNITS:
        assert bagit.Bag(str(world.bag(unit))).is_valid()


# what the contexts of RO-Crate 1.1 and of workflow runs say of the terms that our crates use
TERMS = """
    about agent author contentSize datePublished description encodingFormat endTime hasPart
    identifier instrument license mentions name object publisher result url value version
    actionStatus CreateAction CreativeWork Dataset Organization PropertyValue SoftwareApplication
""".split()
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {
        **{term: f"http://schema.org/{term}" for term in TERMS},
        "File": "http://schema.org/MediaObject",
        "conformsTo": "http://purl.org/dc/terms/conformsTo",
    },
    "https://w3id.org/ro/terms/workflow-run/context": {
        "sha256": "https://w3id.org/ro/terms/workflow-run#sha256"
    },
}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # the validator's own use of rdflib
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rocrate_validator")
def test_the_crate_validator_accepts_the_genuine_crate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network: the two contexts come from here, reduced to the terms that are used."""
    pytest.importorskip("rocrate_validator")
    from rocrate_validator import models, services
    from rocrate_validator.utils import document_loader, http

    class Answer:
        status_code = 200
        content = b""
        headers: dict[str, str] = {"Content-Type": "application/ld+json"}  # noqa: RUF012

        def __init__(self, url: str) -> None:
            self.url = url
            self.text = json.dumps({"@context": CONTEXTS[url]})

        def json(self) -> Any:
            return json.loads(self.text)

    monkeypatch.setattr(document_loader, "_fetch_json_ld", lambda url: Answer(url).json())
    for name in ("get", "head"):
        monkeypatch.setattr(
            http.HttpRequester, name, lambda _, url, **__: Answer(url), raising=False
        )
    settings = services.ValidationSettings(
        rocrate_uri=world.bag() / "data",
        profile_identifier="process-run-crate",
        requirement_severity=models.Severity.REQUIRED,
    )
    done = services.validate(settings)
    assert done.passed(), [issue.message for issue in done.get_issues()]
