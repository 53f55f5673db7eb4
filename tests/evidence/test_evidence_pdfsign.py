from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils import generic
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from workbench.errors import InputError
from workbench.evidence import cms, keys, pdfsign
from workbench.evidence.keys import ROLES, SigningKey
from workbench.evidence.result import Verdict
from workbench.evidence.timestamp import Authority as Authority_
from workbench.evidence.timestamp import local_authority, stamp

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
Sign = Callable[..., bytes]


@pytest.fixture(scope="module")
def pdf(compile_report: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("typst")
    return compile_report(folder, b"", b"[]\n", "0ff1ceff00aa", "JX-01")


@pytest.fixture(scope="module")
def signed(pdf: bytes, sign_all: Sign) -> bytes:
    return sign_all(pdf)


@pytest.fixture
def roots(home: Path) -> list[x509.Certificate]:
    return keys.load_roots(home)


class Authority:
    """A certificate authority of a test, which is no demonstration."""

    def __init__(self, *, end: datetime = NOW + timedelta(days=900)) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.end = end
        self.root = self._issue("真实根 Root", self.key, authority=True)

    def _issue(
        self,
        name: str,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        tsa: bool = False,
    ) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named("真实根 Root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=30))
            .not_valid_after(self.end)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(keys._usage(authority=authority), critical=True)
        )
        if tsa:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def signer(self, name: str, bits: int = 0) -> SigningKey:
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
            rsa.generate_private_key(65537, bits)
            if bits
            else ec.generate_private_key(ec.SECP256R1())
        )
        return SigningKey(self._issue(name, key), keys._FileKey(key), (self.root,))

    def time_stamps(self, at: datetime) -> Authority_:
        key = rsa.generate_private_key(65537, 2048)
        cert = self._issue("TSA", key, tsa=True)
        return local_authority(cert, keys._FileKey(key), clock=lambda: at)


def codes(pdf: bytes, roots: list[x509.Certificate], now: datetime = NOW) -> list[str]:
    return [status.code for status in pdfsign.signatures(pdf, roots, now=now)]


def refused(*args: object, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        pdfsign.sign(*args, reason="r", **({"time": NOW} | more))  # type: ignore[arg-type]
    return caught.value.problems[0].code


def test_preparing_twice_gives_the_same_bytes_and_keeps_the_metadata(pdf: bytes) -> None:

    prepared = pdfsign.prepare(pdf)
    assert prepared == pdfsign.prepare(pdf)
    assert prepared.startswith(pdf + b"\n")
    before, after = (pypdf.PdfReader(io.BytesIO(data)) for data in (pdf, prepared))
    assert before.metadata == after.metadata
    assert before.xmp_metadata is not None
    assert after.xmp_metadata is not None
    assert before.xmp_metadata.stream.get_data() == after.xmp_metadata.stream.get_data()


def test_fields_are_tagged_for_readers_who_cannot_see(pdf: bytes) -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdfsign.prepare(pdf)))
    root = reader.trailer["/Root"]
    tree = root["/StructTreeRoot"]
    numbers = tree["/ParentTree"]["/Nums"]
    by_number = dict(zip(numbers[::2], numbers[1::2], strict=True))
    fields = [field.get_object() for field in root["/AcroForm"]["/Fields"]]
    assert [field["/T"] for field in fields] == [
        "Sig_LeadAssessor",
        "Sig_Reviewer",
        "Sig_Institution",
    ]
    for field in fields:
        element = by_number[field["/StructParent"]].get_object()
        assert element["/S"] == "/Form"
        assert element["/Alt"] == field["/TU"]
        assert element["/K"]["/Type"] == "/OBJR"  # itself, not in an array
        assert element["/K"]["/Obj"]["/T"] == field["/T"]
        assert element.indirect_reference in [
            k.indirect_reference for k in (e.get_object() for e in element["/P"]["/K"])
        ]
    assert tree["/ParentTreeNextKey"] == max(by_number) + 1
    assert all(page["/Tabs"] == "/S" for page in reader.pages)


def test_fields_draw_nothing(pdf: bytes, signed: bytes) -> None:
    before, after = (pypdf.PdfReader(io.BytesIO(data)) for data in (pdf, signed))
    for old, new in zip(before.pages, after.pages, strict=True):
        assert old["/Contents"].get_data() == new["/Contents"].get_data()
    for field in after.trailer["/Root"]["/AcroForm"]["/Fields"]:
        assert field.get_object()["/AP"]["/N"].get_data().strip() == b""


def test_three_signatures_are_valid_and_say_demonstration(
    signed: bytes, roots: list[x509.Certificate]
) -> None:
    found = pdfsign.signatures(signed, roots, now=NOW)
    assert [status.role for status in found] == list(ROLES)
    assert {status.code for status in found} == {"demonstration"}
    assert {status.verdict for status in found} == {Verdict.VALID}
    assert [status.covers_whole for status in found] == [False, False, True]
    assert all(status.reason_en == "valid (demonstration key)" for status in found)
    assert found[0].claimed_at == NOW.isoformat()
    assert found[0].organisation.startswith("示例机构")


def test_the_first_certifies_and_the_last_locks(signed: bytes) -> None:
    root = pypdf.PdfReader(io.BytesIO(signed)).trailer["/Root"]
    lead, reviewer, institution = (
        field.get_object()["/V"] for field in root["/AcroForm"]["/Fields"]
    )
    assert root["/Perms"]["/DocMDP"] == lead
    assert lead["/Reference"][0]["/TransformParams"]["/P"] == 2
    assert "/Reference" not in reviewer
    locks = {
        entry["/TransformMethod"]: entry["/TransformParams"] for entry in institution["/Reference"]
    }
    assert locks["/FieldMDP"]["/Action"] == "/All"
    assert institution["/SubFilter"] == "/ETSI.CAdES.detached"


def test_signing_refuses_what_is_out_of_order_or_done(
    pdf: bytes, sign_all: Sign, demo_keys: dict[keys.Role, SigningKey]
) -> None:
    lead, reviewer, institution = (demo_keys[role] for role in ROLES)
    prepared, one, two, three = (sign_all(pdf, count) for count in range(4))
    assert refused(pdf, "lead", lead) == "sign.fields"
    assert refused(prepared, "reviewer", reviewer) == "sign.order"
    assert refused(prepared, "institution", institution) == "sign.order"
    assert refused(one, "institution", institution) == "sign.order"
    assert refused(one, "lead", lead) == "sign.done"
    assert refused(three, "institution", institution) == "sign.done"
    assert refused(one, "reviewer", lead) == "sign.same-person"
    assert refused(two, "institution", reviewer) == "sign.same-person"
    assert refused(prepared, "lead", lead, time=datetime(2026, 1, 1)) == "sign.time"
    assert refused(b"no pdf", "lead", lead) == "pdf.unreadable"
    with pytest.raises(InputError):
        pdfsign.prepare(prepared)
    assert pdfsign.signed_roles(two) == ["lead", "reviewer"]


def test_nothing_is_signed_on_top_of_a_changed_report(
    pdf: bytes, sign_all: Sign, demo_keys: dict[keys.Role, SigningKey]
) -> None:
    one = sign_all(pdf, 1)
    assert refused(annotated(one), "reviewer", demo_keys["reviewer"]) == "sign.changed"
    at = one.index(b"/Lang")
    flipped = one[:at] + b"/Lanh" + one[at + 5 :]
    assert refused(flipped, "reviewer", demo_keys["reviewer"]) == "sign.changed"


def test_unknown_authority_is_neither_valid_nor_changed(signed: bytes) -> None:
    found = pdfsign.signatures(signed, [], now=NOW)
    assert {status.code for status in found} == {"unknown-authority"}
    assert {status.verdict for status in found} == {Verdict.CANNOT_TELL}
    assert "DEMONSTRATION root" in found[0].reason_en
    assert codes(signed, [Authority().root]) == ["unknown-authority"] * 3


def sign_with(pdf: bytes, signers: list[SigningKey], **more: object) -> bytes:
    pdf = pdfsign.prepare(pdf)
    for role, key in zip(ROLES, signers, strict=True):
        pdf = pdfsign.sign(pdf, role, key, reason="r", time=NOW, **more)  # type: ignore[arg-type]
    return pdf


def test_ecdsa_and_rsa_keys_of_an_authority_are_plainly_valid(pdf: bytes) -> None:
    authority = Authority()
    signers = [authority.signer("甲"), authority.signer("乙", 3072), authority.signer("丙", 2048)]
    done = sign_with(pdf, signers)
    found = pdfsign.signatures(done, [authority.root], now=NOW)
    assert [(s.code, s.signer, s.demonstration) for s in found] == [
        ("valid", "甲", False),
        ("valid", "乙", False),
        ("valid", "丙", False),
    ]


def test_signing_in_all_roles_at_once_gives_the_bytes_of_signing_one_by_one(
    pdf: bytes, sign_all: Sign
) -> None:
    authority = Authority()
    signers = {
        role: authority.signer(name, 2048) for role, name in zip(ROLES, "甲乙丙", strict=True)
    }
    at_once = pdfsign.sign_each(pdfsign.prepare(pdf), signers, reason="r", time=NOW)
    assert at_once == sign_with(pdf, list(signers.values()))
    lead, reviewer, institution = signers.values()
    for given, code in (
        ({"lead": lead, "institution": institution}, "sign.order"),
        ({"reviewer": reviewer, "lead": lead}, "sign.order"),
        ({"lead": lead, "reviewer": lead}, "sign.same-person"),
    ):
        with pytest.raises(InputError) as caught:
            pdfsign.sign_each(pdfsign.prepare(pdf), given, reason="r", time=NOW)  # type: ignore[arg-type]
        assert caught.value.problems[0].code == code


def test_a_key_that_does_not_belong_to_its_certificate_signs_nothing(pdf: bytes) -> None:
    authority = Authority()
    key = replace(authority.signer("甲"), private=authority.signer("乙").private)
    assert refused(pdfsign.prepare(pdf), "lead", key) == "sign.foreign-key"


@pytest.mark.parametrize("bits", [0, 2048])
@pytest.mark.parametrize("clock", [False, True])
def test_the_container_of_a_signature_is_what_pyhanko_makes(bits: int, clock: bool) -> None:
    key = Authority().signer("甲", bits)
    value = key.private.sign(b"")
    token = Authority().time_stamps(NOW)
    signed: list[bytes] = []

    class Plain(Signer):
        async def async_sign_raw(self, data: bytes, *_: Any) -> bytes:
            signed.append(data)
            return value

    class Clock(TimeStamper):
        async def async_timestamp(self, *_: Any) -> Any:
            response = stamp(b"", token)
            return tsp.TimeStampResp.load(response)["time_stamp_token"]

    store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([pdfsign._to_asn1(one) for one in key.chain])
    theirs = Plain(signing_cert=pdfsign._to_asn1(key.certificate), cert_registry=store)
    found = Clock() if clock else None  # type: ignore[no-untyped-call]
    done = asyncio.run(theirs.async_sign(b"d" * 32, "sha256", use_pades=True, timestamper=found))
    der = (
        done["content"]["signer_infos"][0]["unsigned_attrs"][0]["values"][0].dump()
        if clock
        else b""
    )
    assert cms.to_sign(key.certificate, b"d" * 32) == signed[0]
    assert cms.container(key.certificate, key.chain, signed[0], value, der) == done.dump()


def test_an_rsa_key_is_parsed_once(pdf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Authority().signer("甲", 2048)
    prepared = pdfsign.prepare(pdf)
    calls: list[object] = []
    for name in ("load_der_private_key", "load_pem_private_key"):
        monkeypatch.setattr(serialization, name, lambda *a, **k: calls.append(a))
    pdfsign.sign(prepared, "lead", key, reason="r", time=NOW)
    assert calls == []


def test_after_the_certificate_has_expired_only_a_time_stamp_helps(pdf: bytes) -> None:
    authority = Authority(end=NOW + timedelta(days=30))
    signers = [authority.signer(name) for name in "甲乙丙"]
    bare = sign_with(pdf, signers)
    assert codes(bare, [authority.root]) == ["valid"] * 3
    later = NOW + timedelta(days=60)
    assert codes(bare, [authority.root], later) == ["expired"] * 3
    clock = Authority(end=NOW + timedelta(days=900))  # outlives the signers
    stamped = sign_with(pdf, signers, clock=clock.time_stamps(NOW))
    assert codes(stamped, [authority.root], later) == ["expired"] * 3  # unknown time stamps
    found = pdfsign.signatures(stamped, [authority.root, clock.root], now=later)
    assert [status.code for status in found] == ["valid"] * 3
    assert found[2].proven_at == NOW.isoformat()


def test_signing_outside_the_certificates_term_is_told(pdf: bytes) -> None:
    authority = Authority(end=NOW + timedelta(days=30))
    late = pdfsign.sign(
        pdfsign.prepare(pdf),
        "lead",
        authority.signer("甲"),
        reason="r",
        time=NOW + timedelta(days=31),
    )
    assert codes(late, [authority.root], NOW + timedelta(days=32)) == ["not-in-force"]


def test_one_key_in_two_roles_is_told_when_another_program_let_it_pass(
    pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    key = authority.signer("甲")
    monkeypatch.setattr(pdfsign, "_refuse_same_person", lambda *_: None)
    done = sign_with(pdf, [key, authority.signer("乙"), key])
    assert codes(done, [authority.root]) == ["same-person", "valid", "same-person"]


def test_signing_and_checking_work_inside_a_notebook(
    pdf: bytes, demo_keys: dict[keys.Role, SigningKey], roots: list[x509.Certificate]
) -> None:
    async def cell() -> list[str]:
        prepared = pdfsign.prepare(pdf)
        return codes(pdfsign.sign(prepared, "lead", demo_keys["lead"], reason="r", time=NOW), roots)

    assert asyncio.run(cell()) == ["demonstration"]


def test_attachments_and_page_texts_are_read(signed: bytes) -> None:
    assert pdfsign.attachments(signed) == {"evidence-sha256.txt": b"", "findings.json": b"[]\n"}
    first, second = pdfsign.page_texts(signed)
    assert "得分八十分。office" in first
    assert first.endswith("0ff1ceff00aa·第1页")
    assert "0ff1ceff00aa" in second


# --- manipulations of a file ----------------------------------------------------------------------


def update(pdf: bytes, change: Callable[[pypdf.PdfWriter], None]) -> bytes:
    """Change a file by an incremental update, as an editor does."""
    writer = pypdf.PdfWriter(io.BytesIO(pdf), incremental=True)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    assert out.getvalue().startswith(pdf)
    assert len(out.getvalue()) > len(pdf)
    return out.getvalue()


def annotated(pdf: bytes) -> bytes:
    from pypdf.annotations import FreeText

    return update(
        pdf, lambda w: w.add_annotation(0, FreeText(text="九十分", rect=(100, 700, 200, 720)))
    )


def overlaid(pdf: bytes) -> bytes:
    def change(writer: pypdf.PdfWriter) -> None:
        stream = pypdf.generic.DecodedStreamObject()
        stream.set_data(b"1 1 1 rg 0 700 600 100 re f")
        page = writer.pages[0]
        page[pypdf.generic.NameObject("/Contents")] = pypdf.generic.ArrayObject(
            [page.raw_get("/Contents"), writer._add_object(stream)]
        )

    return update(pdf, change)


def reattached(pdf: bytes) -> bytes:
    def change(writer: pypdf.PdfWriter) -> None:
        spec = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"][1].get_object()
        spec["/EF"]["/F"].get_object().set_data(b"forged")

    return update(pdf, change)


def appended(pdf: bytes) -> bytes:
    return pdf + b"% note\n"


def flipped(pdf: bytes) -> bytes:
    at = pdf.index(b"/Lang")
    return pdf[:at] + b"/Lanh" + pdf[at + 5 :]


def flipped_signature(pdf: bytes) -> bytes:
    """Change one digit inside the last signature value."""
    at = pdf.rindex(b"/Contents <") + 3000
    return pdf[:at] + (b"1" if pdf[at : at + 1] == b"0" else b"0") + pdf[at + 1 :]


def truncated(pdf: bytes) -> bytes:
    return pdf[: len(pdf) - 200]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (annotated, "added-after"),
        (overlaid, "added-after"),
        (reattached, "added-after"),
        (appended, "added-after"),
        (flipped, "digest"),
    ],
)
def test_a_manipulated_file_is_called_changed(
    signed: bytes,
    roots: list[x509.Certificate],
    tamper: Callable[[bytes], bytes],
    expected: str,
) -> None:
    found = pdfsign.signatures(tamper(signed), roots, now=NOW)
    assert expected in {status.code for status in found}
    assert found[-1].verdict is Verdict.CHANGED


def test_a_swapped_attachment_is_indeed_swapped(signed: bytes) -> None:
    assert pdfsign.attachments(reattached(signed))["evidence-sha256.txt"] == b"forged"


def test_a_damaged_signature_value_is_not_valid(
    signed: bytes, roots: list[x509.Certificate]
) -> None:
    found = pdfsign.signatures(flipped_signature(signed), roots, now=NOW)
    assert found[-1].verdict is Verdict.CHANGED


def test_a_file_that_was_cut_off_is_not_taken_for_valid(
    signed: bytes, roots: list[x509.Certificate]
) -> None:
    with contextlib.suppress(InputError):
        found = pdfsign.signatures(truncated(signed), roots, now=NOW)
        assert any(status.verdict is not Verdict.VALID for status in found)


def test_an_update_between_two_signatures_is_found(
    pdf: bytes,
    sign_all: Sign,
    demo_keys: dict[keys.Role, SigningKey],
    roots: list[x509.Certificate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = annotated(sign_all(pdf, 1))
    monkeypatch.setattr(pdfsign, "_statuses", lambda *_, **__: [])
    both = pdfsign.sign(changed, "reviewer", demo_keys["reviewer"], reason="r", time=NOW)
    monkeypatch.undo()
    assert codes(both, roots) == ["added-after", "demonstration"]


def test_a_file_rolled_back_shows_fewer_signatures(
    pdf: bytes, sign_all: Sign, roots: list[x509.Certificate]
) -> None:
    assert codes(sign_all(pdf, 2), roots) == ["demonstration"] * 2


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7\n", b"%PDF-1.7\n%%EOF\n", b"\x00" * 1000, b"%PDF-1.7\nxref\n0 99999999\n"],
)
def test_what_is_no_pdf_is_refused_in_our_words(data: bytes) -> None:
    for read in (pdfsign.attachments, pdfsign.page_texts, pdfsign.signed_roles, pdfsign.prepare):
        with pytest.raises(InputError) as caught:
            read(data)
        assert caught.value.problems[0].code == "pdf.unreadable"


def test_any_single_flipped_byte_is_caught(signed: bytes, roots: list[x509.Certificate]) -> None:
    gaps = []
    at = 0
    while (at := signed.find(b"/Contents <", at)) >= 0:
        gaps.append((at + 11, signed.index(b">", at)))
        at += 1
    step = len(signed) // 16
    for position in range(17, len(signed), step):
        if any(begin <= position < end for begin, end in gaps):
            continue  # padding of a signature value is not signed
        forged = bytearray(signed)
        forged[position] ^= 0x01
        try:
            found = pdfsign.signatures(bytes(forged), roots, now=NOW)
        except InputError:
            continue
        assert len(found) < 3 or any(s.verdict is not Verdict.VALID for s in found), position


# --- the short way of comparing revisions ----------------------------------------------------------


def quick(pdf: bytes) -> bool:
    reader = pdfsign._reader(pdf)
    return pdfsign._only_signed_after(reader, pdfsign._embedded(reader)[0].signed_revision)


def rewritten(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    """Fill the reviewer's field with a signature without worth, and do something more."""

    def make(pdf: bytes) -> bytes:
        writer = pdfsign._Writer(io.BytesIO(pdf))
        field = writer.root["/AcroForm"]["/Fields"][1]
        value = generic.DictionaryObject({generic.pdf_name("/Type"): generic.pdf_name("/Sig")})
        field["/V"] = writer.add_object(value)
        writer.update_container(field)
        change(writer)
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    return make


def _field(writer: Any) -> Any:
    return writer.root["/AcroForm"]["/Fields"][1]


def _nothing(_: Any) -> None:
    """Only the field and its value are written."""


def _appearance(writer: Any) -> None:
    stream = generic.StreamObject(stream_data=b"1 1 1 rg 0 0 600 800 re f")
    _field(writer)["/AP"] = generic.DictionaryObject({generic.pdf_name("/N"): stream})


def _place(writer: Any) -> None:
    _field(writer)["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 600, 800)))


def _page_taken(writer: Any) -> None:
    """Let the signature take the number of a page's content."""
    content = writer.root["/Pages"]["/Kids"][0].raw_get("/Contents").reference
    field = _field(writer)
    value = field.raw_get("/V").reference
    writer.objects[(0, content.idnum)] = writer.objects.pop((0, value.idnum))
    field["/V"] = generic.IndirectObject(content.idnum, 0, writer)


def _third_object(writer: Any) -> None:
    writer.add_object(generic.DictionaryObject())


def _two_fields(writer: Any) -> None:
    other = writer.root["/AcroForm"]["/Fields"][2]
    other["/V"] = _field(writer).raw_get("/V")
    writer.update_container(other)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_genuine_signatures_need_no_long_comparison(pdf: bytes, sign_all: Sign, count: int) -> None:
    assert quick(sign_all(pdf, count))


@pytest.mark.parametrize("change", [_appearance, _place, _page_taken, _third_object, _two_fields])
def test_the_short_way_lets_nothing_else_pass(
    pdf: bytes, sign_all: Sign, change: Callable[[Any], None]
) -> None:
    one = sign_all(pdf, 1)
    assert quick(rewritten(_nothing)(one))
    assert not quick(rewritten(change)(one))


def test_the_short_way_sees_another_catalogue(pdf: bytes, sign_all: Sign) -> None:
    filled = rewritten(_nothing)(sign_all(pdf, 1))
    head, _, tail = filled.rpartition(b"/Root ")
    number = tail.split(b" ")[0]
    catalogue = b"1" + tail[len(number) :]  # the page tree
    reader = pdfsign._reader(head + b"/Root " + catalogue)
    assert not pdfsign._fills_a_field(reader, reader.xrefs.total_revisions - 1)


@pytest.mark.parametrize("tamper", [annotated, overlaid, reattached])
def test_the_long_way_is_gone_where_the_short_one_does_not_answer(
    signed: bytes, tamper: Callable[[bytes], bytes]
) -> None:
    assert not quick(tamper(signed))


@pytest.mark.system
def test_poppler_agrees(signed: bytes, home: Path, tmp_path: Path) -> None:
    if shutil.which("pdfsig") is None or shutil.which("certutil") is None:
        pytest.skip("needs poppler's pdfsig and certutil")
    (tmp_path / "r.pdf").write_bytes(signed)
    store = f"sql:{tmp_path / 'nss'}"
    (tmp_path / "nss").mkdir()
    root = str(home / "trust" / "demonstration.pem")
    for command in (
        ["certutil", "-N", "-d", store, "--empty-password"],
        ["certutil", "-A", "-d", store, "-n", "root", "-t", "CT,C,C", "-i", root],
    ):
        subprocess.run(command, check=True, capture_output=True)
    out = subprocess.run(
        ["pdfsig", "-nssdir", store, str(tmp_path / "r.pdf")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert out.count("Signature is Valid") == 3
    assert out.count("Certificate is Trusted") == 3
    signed_lines = [line.strip() for line in out.splitlines() if "otal document signed" in line]
    assert signed_lines == ["- Not total document signed"] * 2 + ["- Total document signed"]


@pytest.mark.system
def test_openssl_agrees(signed: bytes, home: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    reader = pypdf.PdfReader(io.BytesIO(signed))
    value = reader.trailer["/Root"]["/AcroForm"]["/Fields"][2].get_object()["/V"]
    a, b, c, d = value["/ByteRange"]
    (tmp_path / "content").write_bytes(signed[a : a + b] + signed[c : c + d])
    raw = bytes.fromhex(signed[b + 1 : c - 1].decode())
    (tmp_path / "sig").write_bytes(raw)
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "sig",
         "-content", "content", "-CAfile", str(home / "trust" / "demonstration.pem"),
         "-purpose", "any", "-out", "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- long-term signatures -------------------------------------------------------------------------


@pytest.fixture
def clock(home: Path) -> Authority_:
    own = keys.demo_clock(home)
    return local_authority(own.certificate, own.private, own.chain, clock=lambda: NOW)


def long_term(pdf: bytes, demo_keys: dict[keys.Role, SigningKey], clock: Authority_) -> bytes:
    done = pdfsign.prepare(pdf, store=True)
    for role in ROLES:
        done = pdfsign.sign(done, role, demo_keys[role], reason="r", time=NOW, clock=clock)
    return done


def test_a_long_term_signature_brings_its_time_and_revocation_lists(
    pdf: bytes, demo_keys: dict[keys.Role, SigningKey], clock: Authority_, roots: list[Any]
) -> None:
    done = long_term(pdf, demo_keys, clock)
    found = pdfsign.signatures(done, roots, now=NOW)
    assert [(s.code, s.proven_at) for s in found] == [("demonstration", NOW.isoformat())] * 3
    store = pypdf.PdfReader(io.BytesIO(done)).trailer["/Root"]["/DSS"]
    assert len(store["/CRLs"]) == 1
    assert len(store["/Certs"]) == 4
    reader = pdfsign._reader(done)  # judged by the short comparison, not the one of 5 s
    assert pdfsign._only_signed_after(reader, pdfsign._embedded(reader)[0].signed_revision)


def test_what_is_slipped_in_with_the_revocation_lists_is_caught(
    pdf: bytes, demo_keys: dict[keys.Role, SigningKey], clock: Authority_, roots: list[Any]
) -> None:
    done = long_term(pdf, demo_keys, clock)

    def page_in_store(writer: pypdf.PdfWriter) -> None:
        store: Any = writer._root_object["/DSS"]
        store["/Certs"].append(writer.pages[0].indirect_reference)

    assert "added-after" in codes(update(done, page_in_store), roots)
    assert "added-after" in codes(annotated(done), roots)
