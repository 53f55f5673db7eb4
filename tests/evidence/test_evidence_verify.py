from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from workbench import results
from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence import keys, pdfsign
from workbench.evidence.answer import Report
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify

NOW = datetime(2026, 12, 21, 9, tzinfo=UTC)
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, make_unit: Callable[..., Any]) -> Path:
    """A batch of two signed units and one that failed."""
    out = tmp_path_factory.mktemp("batch") / "out"
    units = out / "communities"
    lines = []
    (out / "private").mkdir(parents=True)
    for community in ("JX-01", "JX-02"):
        unit = make_unit(units / community, community)
        if community == "JX-02":  # one language, to be quick
            for name in ("report.en.pdf", "report.en.html"):
                (unit.bag / "data" / name).unlink()
            _renew(unit.bag, community)
        lines.append({"community": community, "edition": 1, "state": "draft"})
        pinned = bags.digests(unit.bag)
        lines.append({"community": community, "edition": 1, "state": "signed", "digests": pinned})
        for at, stage in enumerate(unit.stages):
            (out / "private" / f"stage-{community}-{at}.pdf").write_bytes(stage)
        shutil.rmtree(units / f".typst-{community}")
    lines.append({"community": "JX-03", "edition": 1, "state": "failed"})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (out / "communities.jsonl").write_text(text + '{"torn')
    (out / "batch.json").write_text(
        json.dumps({"study": "xf", "units": 3, "states": {"waiting": 0}})
    )
    return out


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "out", symlinks=True)
    return tmp_path / "out"


@pytest.fixture
def check(home: Path) -> Callable[..., Report]:
    def run(path: Path, *, trust: Path | None = None, home: Path = home) -> Report:
        return verify(path, trust=trust, home=home, now=NOW)

    return run


def codes(report: Report, verdict: Verdict = Verdict.CHANGED) -> set[str]:
    return {
        result.code for item in report.items for result in item.results if result.verdict is verdict
    }


def places(report: Report, code: str) -> set[str]:
    return {r.where for item in report.items for r in item.results if r.code == code}


def test_a_genuine_batch_bag_and_report_are_valid_with_a_demonstration_key(
    out: Path, check: Callable[..., Report]
) -> None:
    bag = out / "communities" / "JX-01"
    reports = [check(path) for path in (out, bag, bag / "data" / "report.zh.pdf")]
    for report in reports:
        assert (report.verdict, report.exit_code) == (Verdict.VALID, 0)
        assert "有效（示例密钥）" in report.text("zh")
        assert "valid (demonstration key)" in report.text("en")
        document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
        assert document["verdict"] == "valid"
        assert document["exit_code"] == 0
    assert [item.kind for item in reports[0].items] == ["batch", "bag", "bag"]
    assert "3 of 3 signatures" in reports[1].text("en")


def test_without_its_root_nothing_can_be_told_and_a_root_in_the_batch_is_not_believed(
    out: Path, check: Callable[..., Report], home: Path, tmp_path: Path
) -> None:
    (out / "trust").mkdir()
    shutil.copy(home / "trust" / "demonstration.pem", out / "trust" / "root.pem")
    certs = out / "communities" / "JX-01" / "attest" / "certs"
    certs.mkdir(parents=True)
    shutil.copy(home / "trust" / "demonstration.pem", certs / "root.pem")
    stranger = tmp_path / "stranger"
    for path in (out / "communities" / "JX-02", out / "communities/JX-02/data/report.zh.pdf"):
        report = check(path, home=stranger)
        assert report.exit_code == 5
        assert codes(report, Verdict.CANNOT_TELL) == {"signature.unknown-authority"}
        assert "--trust" in report.text("en")
        assert "未知的签发机构" in report.text("zh")
    given = check(out / "communities" / "JX-02", home=stranger, trust=out / "trust")
    assert given.exit_code == 0
    other = check(out / "communities" / "JX-02", trust=_other_root(tmp_path))
    assert other.exit_code == 5


def _other_root(folder: Path) -> Path:
    return keys.make_demo_ca(folder / "other") / "authority.pem"


@pytest.mark.parametrize("signed", [0, 1, 2])
def test_a_draft_says_how_many_signatures_it_has(
    tmp_path: Path,
    make_unit: Callable[..., Any],
    check: Callable[..., Report],
    signed: int,
) -> None:
    unit = make_unit(tmp_path / "JX-01", "JX-01", signed=signed)
    report = check(unit.bag)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"signature.count"}
    assert codes(report) == set()
    assert f"{signed} of 3 signatures" in report.text("en")
    assert f"3 个签名中有 {signed} 个" in report.text("zh")


def test_an_amended_edition_has_a_bag_of_its_own(
    out: Path, make_unit: Callable[..., Any], check: Callable[..., Report]
) -> None:
    bag = out / "communities" / "JX-01@2"
    make_unit(bag, "JX-01", edition=2)
    shutil.rmtree(bag.parent / ".typst-JX-01@2")
    assert codes(check(out)) == {"batch.extra"}
    line = {"community": "JX-01", "edition": 2, "state": "signed", "digests": bags.digests(bag)}
    with (out / "communities.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps(line) + "\n")
    report = check(out)
    assert report.exit_code == 0
    assert [item.edition for item in report.items] == [None, 1, 2, 1]


def test_an_unsigned_overview_does_not_spoil_a_batch_but_a_changed_one_does(
    out: Path, check: Callable[..., Report]
) -> None:
    data = out / "overview" / "data"
    data.mkdir(parents=True)
    units = [path.name for path in sorted((out / "communities").iterdir()) if path.is_dir()]
    rows = []
    for unit in units:
        found = json.loads((out / "communities" / unit / "data" / "findings.json").read_text())
        rows.append(({"community": unit, "state": "signed"}, found))
    told = results.to_csv(results.results(rows)).decode()
    (data / "results.csv").write_text(told)
    _renew(out / "overview", "overview")
    report = check(out)
    assert report.exit_code == 0
    assert "overview.unsigned" in codes(report, Verdict.VALID)
    (data / "results.csv").write_text(told.replace("signed", "failed", 1))
    assert places(check(out), "bag.file-changed") == {"data/results.csv"}


def _sealed(pdf: bytes, demo_keys: dict[keys.Role, keys.SigningKey]) -> bytes:
    """The institution's field and signature alone."""
    prepared = pdfsign.prepare(pdf, roles=("institution",))
    how = {"reason": "评估报告", "time": NOW}
    return pdfsign.sign(prepared, "institution", demo_keys["institution"], **how)


def test_the_institution_alone_signs_an_overview_and_no_units_report(
    out: Path,
    tmp_path: Path,
    check: Callable[..., Report],
    compile_report: Callable[..., bytes],
    demo_keys: dict[keys.Role, keys.SigningKey],
) -> None:
    data = out / "communities" / "JX-01" / "data"
    listing, found = ((data / n).read_bytes() for n in (bags.EVIDENCE_LIST, "findings.json"))
    made = compile_report(tmp_path / "typst", listing, found, bags.evidence_code(listing), "JX-01")
    alone = tmp_path / "report.zh.pdf"
    alone.write_bytes(_sealed(made, demo_keys))
    report = check(alone)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"signature.count"}
    assert "3 个签名中有 1 个" in report.text("zh")
    assert "1 of 3 signatures" in report.text("en")
    for lang in ("zh", "en"):
        (data / f"report.{lang}.pdf").write_bytes(alone.read_bytes())
    _renew(data.parent)
    assert "signature.count" in codes(check(data.parent), Verdict.CANNOT_TELL)
    # the results of all units are listed, no findings of one: an overview
    whole = b"0" * 64 + b"  results.csv\n"
    pages = compile_report(tmp_path / "over", whole, None, bags.evidence_code(whole), "overview")
    (tmp_path / "overview.pdf").write_bytes(_sealed(pages, demo_keys))
    overview = check(tmp_path / "overview.pdf")
    assert overview.exit_code == 0, overview.text("en")
    assert overview.items[0].community == "overview"


def test_nothing_to_verify_is_bad_usage(tmp_path: Path, check: Callable[..., Report]) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError) as caught:
            check(path)
        assert caught.value.problems[0].code == "verify.path"


def test_a_foreign_pdf_is_neither_valid_nor_changed(
    tmp_path: Path, check: Callable[..., Report]
) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    with (tmp_path / "a.pdf").open("wb") as stream:
        writer.write(stream)
    (tmp_path / "b.pdf").write_bytes(b"no pdf")
    for name in ("a.pdf", "b.pdf"):
        report = check(tmp_path / name)
        assert report.exit_code == 5
        assert codes(report) == set()


# --- manipulations: each by a forger who does not hold the keys but rewrites every manifest -------


def _renew(bag: Path, community: str = "JX-01", edition: int = 1) -> None:
    from datetime import date

    bags.write_bag(bag, study="xf", community=community, edition=edition, issued=date(2026, 12, 20))


def _bag(out: Path, community: str = "JX-01") -> Path:
    return out / "communities" / community


def _repin(out: Path, community: str = "JX-01") -> None:
    """Rewrite the manifests and the batch's record, as who owns the whole folder can."""
    _renew(_bag(out, community), community)
    line = {"community": community, "edition": 1, "state": "signed"}
    line["digests"] = bags.digests(_bag(out, community))  # type: ignore[assignment]
    with (out / "communities.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps(line) + "\n")


def _edit(path: str, old: str, new: str) -> Change:
    def change(out: Path) -> None:
        file = _bag(out) / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return change


def _reports(out: Path, make: Callable[[bytes], bytes], *langs: str) -> None:
    for lang in langs or ("zh", "en"):
        file = _bag(out) / "data" / f"report.{lang}.pdf"
        file.write_bytes(make(file.read_bytes()))


def _update(change: Callable[[pypdf.PdfWriter], None]) -> Callable[[bytes], bytes]:
    def make(pdf: bytes) -> bytes:
        writer = pypdf.PdfWriter(io.BytesIO(pdf), incremental=True)
        change(writer)
        stream = io.BytesIO()
        writer.write(stream)
        return stream.getvalue()

    return make


def _annotate(writer: pypdf.PdfWriter) -> None:
    from pypdf.annotations import FreeText

    writer.add_annotation(0, FreeText(text="九十分", rect=(100, 700, 200, 720)))


def _overlay(writer: pypdf.PdfWriter) -> None:
    stream = pypdf.generic.DecodedStreamObject()
    stream.set_data(b"1 1 1 rg 0 700 600 100 re f")
    page = writer.pages[0]
    contents = [page.raw_get("/Contents"), writer._add_object(stream)]
    page[pypdf.generic.NameObject("/Contents")] = pypdf.generic.ArrayObject(contents)


def _attach(data: bytes) -> Callable[[pypdf.PdfWriter], None]:
    def change(writer: pypdf.PdfWriter) -> None:
        names: Any = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]  # type: ignore[index]
        names[1].get_object()["/EF"]["/F"].get_object().set_data(data)

    return change


def _flip(pdf: bytes) -> bytes:
    at = pdf.index(b"/Lang")
    return pdf[:at] + b"/Lanh" + pdf[at + 5 :]


def _rolled_back(count: int, *langs: str) -> Change:
    def change(out: Path) -> None:
        stage = (out / "private" / f"stage-JX-01-{count}.pdf").read_bytes()
        _reports(out, lambda _: stage, *langs)

    return change


def _evidence_swapped(out: Path) -> None:
    """Change an input and rewrite list, manifests and the file attached to the report."""
    _edit("data/inputs/responses.csv", "P1,5", "P1,1")(out)
    listing = bags.evidence_list(_bag(out) / "data")
    (_bag(out) / "data" / "evidence-sha256.txt").write_bytes(listing)
    _reports(out, _update(_attach(listing)))


def _list_rewritten(out: Path) -> None:
    _edit("data/inputs/responses.csv", "P1,5", "P1,1")(out)
    data = _bag(out) / "data"
    (data / "evidence-sha256.txt").write_bytes(bags.evidence_list(data))


def _other_reports(out: Path) -> None:
    other = (_bag(out, "JX-02") / "data" / "report.zh.pdf").read_bytes()
    _reports(out, lambda _: other)


def _bags_exchanged(out: Path) -> None:
    _bag(out).rename(out / "x")
    _bag(out, "JX-02").rename(_bag(out))
    (out / "x").rename(_bag(out, "JX-02"))


def _relabelled(out: Path) -> None:
    """Give one unit's bag for another's, manifests rewritten."""
    shutil.rmtree(_bag(out))
    shutil.copytree(_bag(out, "JX-02"), _bag(out))


def _added(out: Path) -> None:
    (_bag(out) / "data" / "inputs" / "extra.csv").write_text("x\n")


def _removed(out: Path) -> None:
    (_bag(out) / "data" / "inputs" / "responses.csv").unlink()


def _linked(out: Path) -> None:
    file = _bag(out) / "data" / "inputs" / "responses.csv"
    file.rename(out / "hidden.csv")
    file.symlink_to(out / "hidden.csv")


def _unit_deleted(out: Path) -> None:
    shutil.rmtree(_bag(out))


def _unit_and_lines_deleted(out: Path) -> None:
    shutil.rmtree(_bag(out))
    lines = (out / "communities.jsonl").read_text().splitlines(keepends=True)
    (out / "communities.jsonl").write_text("".join(x for x in lines if "JX-01" not in x))


def _unit_invented(out: Path) -> None:
    shutil.copytree(_bag(out), _bag(out, "JX-99"))
    _renew(_bag(out, "JX-99"), "JX-99")


def _unit_linked(out: Path) -> None:
    _bag(out).rename(out / "elsewhere")
    _bag(out).symlink_to(out / "elsewhere")


def _report_deleted(out: Path) -> None:
    (_bag(out) / "data" / "report.en.pdf").unlink()


def _resigned(home: Path) -> Change:
    """Sign a forged report with demonstration keys of an authority of one's own."""

    def change(out: Path) -> None:
        pdf = (out / "private" / "stage-JX-01-0.pdf").read_bytes()
        for role in keys.ROLES:
            key = keys.load_key("demo", role, home=out / "forger", base=out, at=NOW)
            pdf = pdfsign.sign(pdf, role, key, reason="r", time=NOW)
        shutil.rmtree(out / "forger")
        _reports(out, lambda _: pdf)

    return change


WITH_MANIFEST: dict[str, tuple[Change, str, str]] = {
    # name: manipulation, code of the reason, place
    "input changed": (
        _edit("data/inputs/responses.csv", "P1,5", "P1,1"),
        "evidence.file-changed",
        "data/inputs/responses.csv",
    ),
    "notebook changed": (
        _edit("data/notebook.ipynb", "[]", "[{}]"),
        "evidence.file-changed",
        "data/notebook.ipynb",
    ),
    "finding changed": (
        _edit("data/findings.json", "80.0", "90.0"),
        "evidence.file-changed",
        "data/findings.json",
    ),
    "protocol changed": (
        _edit("data/protocol/protocol.json", "civilised", "easy"),
        "evidence.file-changed",
        "data/protocol/protocol.json",
    ),
    "figure changed": (
        _edit("data/figures/staircase.svg", "<svg/>", "<svg></svg>"),
        "evidence.file-changed",
        "data/figures/staircase.svg",
    ),
    "evidence added": (_added, "evidence.file-added", "data/inputs/extra.csv"),
    "evidence removed": (_removed, "evidence.file-missing", "data/inputs/responses.csv"),
    "evidence and its list changed": (
        _list_rewritten,
        "evidence.file-changed",
        "data/inputs/responses.csv",
    ),
    "evidence, list and attachment changed": (
        _evidence_swapped,
        "signature.added-after",
        "data/report.zh.pdf [institution]",
    ),
    "byte of the report flipped": (
        lambda out: _reports(out, _flip),
        "signature.digest",
        "data/report.zh.pdf [lead]",
    ),
    "page overlaid": (
        lambda out: _reports(out, _update(_overlay)),
        "signature.added-after",
        "data/report.en.pdf [institution]",
    ),
    "annotation added": (
        lambda out: _reports(out, _update(_annotate)),
        "signature.added-after",
        "data/report.zh.pdf [institution]",
    ),
    "attachment swapped": (
        lambda out: _reports(out, _update(_attach(b"0" * 64 + b"  findings.json\n"))),
        "pdf.list-differs",
        "data/report.zh.pdf",
    ),
    "bytes appended": (
        lambda out: _reports(out, lambda pdf: pdf + b"%x\n"),
        "signature.added-after",
        "data/report.zh.pdf [institution]",
    ),
    "report torn": (
        lambda out: _reports(out, lambda pdf: pdf[: len(pdf) // 3]),
        "pdf.damaged",
        "data/report.zh.pdf",
    ),
    "both reports rolled back to two signatures": (_rolled_back(2), "batch.state", "data"),
    "both reports rolled back to the draft": (_rolled_back(0), "batch.state", "data"),
    "one report rolled back": (_rolled_back(2, "en"), "bag.languages", "data"),
    "reports of another unit": (_other_reports, "pdf.list-differs", "data/report.zh.pdf"),
    "bag of another unit under this name": (
        _relabelled,
        "identity.unit",
        "data/inputs/study.json",
    ),
}


@pytest.mark.parametrize("name", WITH_MANIFEST)
def test_a_manipulation_is_caught_though_every_manifest_was_rewritten(
    out: Path, check: Callable[..., Report], name: str
) -> None:
    change, code, where = WITH_MANIFEST[name]
    change(out)
    if name != "bag of another unit under this name":  # whose own manifests fit it
        assert {result.code[:8] for result in bags.check_bag(_bag(out))} >= {"bag.file"}
    _repin(out)
    report = check(out)
    assert report.exit_code == 1
    assert code in codes(report), report.text("en")
    assert where in places(report, code)
    assert report.items[2].verdict is Verdict.VALID  # the other unit is not blamed


def _payload_linked(out: Path) -> None:
    (_bag(out) / "data").rename(out / "hidden")
    (_bag(out) / "data").symlink_to(out / "hidden")


WITHOUT_MANIFEST: dict[str, tuple[Change, str, str]] = {
    "linked file": (_linked, "bag.link", "data/inputs/responses.csv"),
    "linked payload": (_payload_linked, "bag.link", "data"),
    "report deleted": (_report_deleted, "bag.file-missing", "data/report.en.pdf"),
    "unit deleted": (_unit_deleted, "batch.missing", "communities/JX-01"),
    "unit deleted from the list too": (
        _unit_and_lines_deleted,
        "batch.units-lost",
        "communities.jsonl",
    ),
    "unit invented": (_unit_invented, "batch.extra", "communities/JX-99"),
    "unit replaced by a link": (_unit_linked, "batch.link", "communities/JX-01"),
    "bags exchanged": (_bags_exchanged, "identity.unit", ""),
    "list of units deleted": (
        lambda out: (out / "communities.jsonl").unlink(),
        "batch.list",
        "communities.jsonl",
    ),
    "html report changed": (
        _edit("data/report.zh.html", "</html>", "<p>九十分</p></html>"),
        "bag.file-changed",
        "data/report.zh.html",
    ),
    "edition relabelled": (
        _edit("bag-info.txt", "xf/JX-01/1", "xf/JX-01/2"),
        "identity.unit",
        "data/inputs/study.json",
    ),
    "study relabelled": (
        _edit("bag-info.txt", "xf/JX-01/1", "other/JX-01/1"),
        "identity.study",
        "bag-info.txt",
    ),
}


@pytest.mark.parametrize("name", WITHOUT_MANIFEST)
def test_a_manipulation_of_the_folder_is_caught(
    out: Path, check: Callable[..., Report], name: str
) -> None:
    change, code, where = WITHOUT_MANIFEST[name]
    change(out)
    report = check(out)
    assert report.exit_code == 1
    assert code in codes(report), report.text("en")
    assert where in places(report, code)


def test_a_report_signed_anew_by_a_forger_has_an_unknown_authority(
    out: Path, check: Callable[..., Report], home: Path
) -> None:
    _resigned(home)(out)
    _repin(out)
    report = check(out)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"signature.unknown-authority"}


def test_a_rolled_back_report_by_itself_says_that_it_may_have_been_cut_back(
    out: Path, check: Callable[..., Report]
) -> None:
    report = check(out / "private" / "stage-JX-01-2.pdf")
    assert report.exit_code == 5
    assert "2 of 3 signatures: not finished, or cut back" in report.text("en")


def test_a_bag_without_its_declaration_is_no_bag(out: Path, check: Callable[..., Report]) -> None:
    (_bag(out) / "bagit.txt").unlink()
    report = check(out)
    assert report.exit_code == 5
    assert "bag.none" in codes(report, Verdict.CANNOT_TELL)


def test_a_copy_under_another_name_cannot_be_told_and_says_why(
    out: Path, check: Callable[..., Report]
) -> None:
    copy = out / "copy"
    shutil.copytree(_bag(out), copy)
    report = check(copy)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"identity.folder"}


def test_a_write_that_was_interrupted_is_not_called_a_forgery(
    out: Path, check: Callable[..., Report]
) -> None:
    _bag(out).rename(out / "communities" / ".JX-01.old")
    report = check(out)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"batch.interrupted"}


def test_a_crafted_list_of_units_gets_an_answer(out: Path, check: Callable[..., Report]) -> None:
    rows: list[Any] = [
        {"community": "../../etc", "state": "signed"},
        {"community": "JX-01", "edition": [], "state": ["signed"], "digests": 3},
        {
            "community": "JX-02",
            "edition": 1,
            "state": "signed",
            "digests": {"../x": "", "data/..": 1},
        },
        [],
        7,
    ]
    (out / "communities.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = check(out)
    assert report.exit_code == 1
    assert "communities/../../etc" in places(report, "batch.missing")


def test_a_report_may_be_pointed_at_through_a_link(out: Path, check: Callable[..., Report]) -> None:
    (out / "latest.pdf").symlink_to(_bag(out) / "data" / "report.zh.pdf")
    assert check(out / "latest.pdf").exit_code == 0


def test_names_made_by_a_stranger_do_not_steer_the_terminal(
    out: Path, check: Callable[..., Report]
) -> None:
    (_bag(out) / "data" / "\x1b[2J\u202egnp.csv").write_text("x")
    text = check(out).text("en")
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data/inputs/study.json", "[]"),
        ("data/inputs/study.json", '{"community": ' * 50_000),
        ("data/findings.json", "[1, 2]"),
        ("data/findings.json", '[{"community": "JX-01"}, {"community": "JX-02"}]'),
        ("data/evidence-sha256.txt", "../../etc/passwd"),
        ("bag-info.txt", "nothing"),
        ("manifest-sha256.txt", "\x00"),
    ],
)
def test_crafted_files_get_an_answer(
    out: Path, check: Callable[..., Report], file: str, text: str
) -> None:
    (_bag(out) / file).write_text(text)
    assert check(out).exit_code == 1


def test_many_pages_without_the_code_are_named(
    tmp_path: Path,
    compile_report: Callable[..., bytes],
    sign_all: Callable[..., bytes],
    check: Callable[..., Report],
) -> None:
    pdf = compile_report(tmp_path / "t", b"0" * 64 + b"  a.csv\n", b"[]\n", "0123456789ab", "JX-01")
    (tmp_path / "report.zh.pdf").write_bytes(sign_all(pdf))
    report = check(tmp_path / "report.zh.pdf")
    assert codes(report) == {"pdf.code", "pdf.findings"}
    assert "page 1, 2" in report.text("en")
