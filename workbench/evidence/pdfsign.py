"""Signatures in PDF reports (PAdES), the only module that touches pyHanko.

A report gets three signature fields before its first signature. The lead assessor certifies (only
the other fields may still be filled), the reviewer signs, the institution locks the document. The
page itself prints the signature block; the fields lie over it and draw nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from typing import Any, TypeVar

from asn1crypto import crl as asn1_crl
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pyhanko.pdf_utils import generic, xref
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    ByteStringObject,
    ContentOpReading,
    pdf_name,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields as pdf_fields
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import (
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko.stamp import BaseStampStyle
from pyhanko_certvalidator import ValidationContext

from workbench.errors import InputError, Problem
from workbench.evidence.chain import NOBODY, Vouching, path_to, revoked
from workbench.evidence.cms import container, to_sign
from workbench.evidence.keys import ROLES, Role, SigningKey, holds, is_demonstration
from workbench.evidence.pdfread import Table, plain_array, plain_hex, plain_table
from workbench.evidence.pdftext import shown_text, unicode_table
from workbench.evidence.result import Verdict
from workbench.evidence.signature import FIELDS, LABELS, REASONS, FieldBox, SignatureStatus
from workbench.evidence.timestamp import Authority, Stamp, ask, check_stamp

__all__ = [
    "attachments",
    "certificates",
    "only_signed",
    "page_count",
    "page_texts",
    "prepare",
    "sign",
    "sign_each",
    "signatures",
    "signed_roles",
    "stored",
]

# pyHanko's own annotations leave these out
_pdf: Any = generic
_USAGE = KeyUsageConstraints(
    key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False
)
_T = TypeVar("_T")
# entries of a trailer or cross-reference stream that only tell where things lie in the file
_TECHNICAL = {
    "/Prev",
    "/Size",
    "/ID",
    "/Type",
    "/W",
    "/Index",
    "/Length",
    "/Filter",
    "/DecodeParms",
}
# what an unknown authority is no excuse for
_UNFIT = {"same-person", "not-in-force", "expired", "revoked", "unsuitable-certificate"}
_UNSUITABLE = {"CHAIN_CONSTRAINTS_FAILURE", "SIG_CONSTRAINTS_FAILURE"}
# pyHanko's notes about untrusted files are answers of ours, not noise on standard error
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def prepare(
    pdf: bytes,
    boxes: Mapping[Role, FieldBox] | None = None,
    *,
    store: bool = False,
    roles: Sequence[Role] = ROLES,
) -> bytes:
    """Add the signature fields to an unsigned report, tagged as PDF/UA wants it.

    The same bytes give the same bytes; metadata are left as they are.

    Parameters
    ----------
    pdf : bytes
        A tagged PDF as typst writes it, without signature fields.
    boxes : mapping of Role to FieldBox, optional
        Where the page prints the signature block of each role; a role without a box gets a field
        without extent on the last page.
    store : bool
        Whether signatures will bring certificates and revocation lists (B-LT); the place for them
        is made now, so that a signature changes nothing else.
    roles : sequence of Role
        Who is going to sign: the three, or the institution alone.

    Returns
    -------
    bytes
        The PDF with an incremental update.

    Raises
    ------
    InputError
        ``pdf.unreadable``, ``pdf.prepared`` (has fields already), ``pdf.untagged``.
    """
    # typst ends the file without a newline; an update glued to %%EOF breaks PDF/A (6.1.9-1)
    writer = _writer(pdf if pdf.endswith(b"\n") else pdf + b"\n")
    if "/AcroForm" in writer.root:
        raise _refused("pdf.prepared", "报告已有签名域", "the report has signature fields already")
    if _at(writer.root, "/StructTreeRoot", "/ParentTree", "/Nums") is None:
        raise _refused("pdf.untagged", "PDF 没有结构标签", "the PDF has no structure tags")
    for role in roles:
        name, box = FIELDS[role], (boxes or {}).get(role)
        corners: Any = (box.left, box.bottom, box.right, box.top) if box else (0, 0, 0, 0)
        locking: dict[str, Any] = {}
        if role == ROLES[-1]:
            locking = {
                "doc_mdp_update_value": MDPPerm.NO_CHANGES,
                "field_mdp_spec": FieldMDPSpec(FieldMDPAction.ALL),
            }
        pdf_fields.append_signature_field(
            writer,
            SigFieldSpec(
                sig_field_name=name,
                on_page=box.page if box else -1,
                box=corners,
                readable_field_name=LABELS[role],
                combine_annotation=True,
                empty_field_appearance=False,
                **locking,
            ),
        )
        _tag_field(writer, name, LABELS[role])
    if store:
        DocumentSecurityStore.supply_dss_in_writer(writer, None)
    return _written(writer)


def sign(
    pdf: bytes,
    role: Role,
    key: SigningKey,
    *,
    reason: str,
    time: datetime,
    clock: Authority | None = None,
    vouching: Vouching = NOBODY,
) -> bytes:
    """Sign a prepared report in one of the three roles; see :func:`sign_each`."""
    return sign_each(pdf, {role: key}, reason=reason, time=time, clock=clock, vouching=vouching)


def sign_each(
    pdf: bytes,
    signers: Mapping[Role, SigningKey],
    *,
    reason: str,
    time: datetime,
    clock: Authority | None = None,
    vouching: Vouching = NOBODY,
) -> bytes:
    """Sign a prepared report in some of its roles: PAdES B-B, or B-LT with a time stamp.

    With a time stamp, certificates and revocation lists in force are put in beside it, those of the
    authority too; where the key has no such lists
    (:attr:`workbench.evidence.keys.SigningKey.lists`) it stays B-T.

    Parameters
    ----------
    pdf : bytes
        The report, prepared, with the signatures of the roles before this one.
    signers : mapping of Role to SigningKey
        Who signs, in their order: the first of all certifies, the last locks. Certificates and keys
        are already checked (:func:`workbench.evidence.keys.check_key`).
    reason : str
        Printed by PDF readers beside the signature.
    time : datetime
        Signing time, aware.
    clock : Authority, optional
        Asked for a time stamp; without one nothing leaves the machine.
    vouching : Vouching
        Certificates and revocation lists of the authority.

    Returns
    -------
    bytes
        The report with an incremental update for each signature.

    Raises
    ------
    InputError
        ``sign.*``: no such field, signed already, out of order, the same certificate or key in two
        roles, an earlier signature that no longer holds, a key that does not belong to its
        certificate, a time without zone.
    MachineError
        ``stamp.*``, when no time stamp can be had.
    """
    if time.tzinfo is None:
        raise _refused("sign.time", "签名时间没有时区", "the signing time has no time zone")
    writer = _writer(pdf)
    reader = writer.prev
    roles = _signing_roles(reader)
    names = {str(name) for name, _, _ in pdf_fields.enumerate_sig_fields(reader)}
    if not set(signers) <= set(roles) or names != {FIELDS[each] for each in roles}:
        raise _refused(
            "sign.fields",
            "报告没有三个签名域",
            "the report does not have the three signature fields",
            found=", ".join(sorted(names)) or "-",
        )
    earlier = _embedded(reader)
    done = [_role_of(signature) for signature in earlier]
    for role in signers:
        if role in done:
            raise _refused("sign.done", "该角色已签名", "this role has signed already", found=role)
        expected = list(roles[: roles.index(role)])
        if done != expected:
            raise _refused(
                "sign.order",
                "签名顺序不对：先评估负责人，再复核人，最后机构",
                "out of order: first the lead assessor, then the reviewer, last the institution",
                expected=" → ".join([*expected, role]),
                found=" → ".join([*map(str, done), role]),
            )
        done.append(role)
    _refuse_same_person(earlier, signers)
    # the last signature reaches to the end of the file, so nothing can have been slipped in between
    for status in _statuses(earlier, [], now=time, differences=False):
        if status.verdict is Verdict.CHANGED:
            raise _refused(
                "sign.changed",
                "先前的签名已不成立，不能再签",
                "an earlier signature no longer holds; nothing is signed on top of it",
                found=f"{status.role}: {status.reason_en}",
            )
    stamper = _stamper(clock) if clock else None
    for at, (role, key) in enumerate(signers.items()):
        writer = _writer(pdf) if at else writer
        settings = PdfSignatureMetadata(
            field_name=FIELDS[role],
            md_algorithm="sha256",
            reason=reason,
            name=key.name or None,
            subfilter=pdf_fields.SigSeedSubFilter.PADES,
            certify=role == roles[0],
            docmdp_permissions=MDPPerm.NO_CHANGES if role == ROLES[-1] else MDPPerm.FILL_FORMS,
        )
        if clock and key.lists:
            certs = (key.certificate, *key.chain, *vouching.certificates)
            DocumentSecurityStore.supply_dss_in_writer(
                writer,
                None,
                certs=[_to_asn1(one) for one in certs],
                crls=[_to_asn1_list(one) for one in (*key.lists, *vouching.lists)],
            )
        signer = PdfSigner(settings, _Signer(key), timestamper=stamper, stamp_style=_NoStamp())
        pdf = _run(_sign(signer, writer, time, key, stamper))
    return pdf


def signed_roles(pdf: bytes) -> list[Role | None]:
    """Return the roles that have signed, in the order of signing; None for a foreign field.

    Raises
    ------
    InputError
        ``pdf.unreadable``.
    """
    try:
        return [_role_of(signature) for signature in _embedded(_reader(pdf))]
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


def certificates(pdf: bytes) -> dict[Role, list[x509.Certificate]]:
    """Return the certificates in each signature: the signer's, then those above it.

    Raises
    ------
    InputError
        ``pdf.unreadable``.
    """
    found: dict[Role, list[x509.Certificate]] = {}
    try:
        for signature in _embedded(_reader(pdf)):
            role = _role_of(signature)
            if role is not None:
                every = [signature.signer_cert, *signature.other_embedded_certs]
                found[role] = list(dict.fromkeys(map(_to_x509, every)))
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error
    return found


def stored(pdf: bytes) -> Vouching:
    """Return the certificates and revocation lists in a report's document security store.

    Raises
    ------
    InputError
        ``pdf.unreadable``.
    """
    try:
        reader = _reader(pdf)
        found = [
            x509.load_der_x509_certificate(entry.get_object().data)
            for entry in _at(reader.root, "/DSS", "/Certs") or ()
        ]
        return Vouching(tuple(found), tuple(_embedded_lists(reader)))
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


def signatures(
    pdf: bytes,
    roots: Iterable[x509.Certificate],
    *,
    now: datetime,
    crls: Iterable[x509.CertificateRevocationList] = (),
) -> list[SignatureStatus]:
    """Check every signature of a PDF, in the order of signing.

    A signature holds when its bytes are unchanged, all that was added after it is a further
    signature, the last one covers the file to its end, and its certificate leads to one of
    ``roots``. Nothing is fetched; a certificate in the file is never a root by lying there.

    Parameters
    ----------
    pdf : bytes
        The report; it may come from a stranger.
    roots : iterable of Certificate
        Authorities that are believed.
    now : datetime
        Aware; by when the file is known to have existed. A certificate that has expired by then
        needs a time stamp.
    crls : iterable of CertificateRevocationList
        Revocation lists beside those in the file.

    Returns
    -------
    list of SignatureStatus
        Empty for an unsigned PDF. Signatures that are missing are not in it.

    Raises
    ------
    InputError
        ``pdf.unreadable``, when no structure can be read at all.
    """
    try:
        reader = _reader(pdf)
        embedded = _embedded(reader)
        # pyHanko's comparison reads every object of every revision (5 s for 1 MB): it is asked only
        # when something else than filled signature fields was added
        differences = not (embedded and _only_signed_after(reader, embedded[0].signed_revision))
        lists = [*crls, *_embedded_lists(reader)]
        return _statuses(embedded, list(roots), now=now, crls=lists, differences=differences)
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


def attachments(pdf: bytes) -> dict[str, bytes]:
    """Return the files embedded in a PDF as its last revision shows them.

    Raises
    ------
    InputError
        ``pdf.unreadable``, also for two files of one name or names in a nested tree (typst writes
        neither).
    """
    try:
        root = _reader(pdf).root
        if _at(root, "/Names", "/EmbeddedFiles", "/Kids") is not None:
            raise ValueError("nested tree of embedded files")
        names = list(_at(root, "/Names", "/EmbeddedFiles", "/Names") or [])
        found: dict[str, bytes] = {}
        for at in range(0, len(names), 2):
            spec = names[at + 1].get_object()
            name = str(_at(spec, "/UF") or _at(spec, "/F"))
            if name in found:
                raise ValueError(f"two files {name!r}")
            found[name] = spec["/EF"]["/F"].get_object().data
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error
    return found


def page_count(pdf: bytes) -> int:
    """Return the number of pages.

    Raises
    ------
    InputError
        ``pdf.unreadable``.
    """
    try:
        return int(_reader(pdf).root["/Pages"]["/Count"])
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


def only_signed(
    before: bytes,
    after: bytes,
    role: Role,
    roots: Sequence[x509.Certificate] = (),
    crls: Sequence[x509.CertificateRevocationList] = (),
) -> None:
    """See that a report that was signed elsewhere is what was handed out, and one signature more.

    Parameters
    ----------
    before, after : bytes
        The report as it left and as it came back.
    role : {"lead", "reviewer", "institution"}
        Whose signature is expected.
    roots, crls : sequence
        Authorities that are believed, to see whether the certificate is in force.

    Raises
    ------
    InputError
        ``sign.came-back``: nothing was signed, something else was changed or added, another field
        was signed, the signature does not hold, or its certificate signed in two roles, was
        revoked or not in force; ``pdf.unreadable``.
    """
    why = ""
    if not after.startswith(before) or len(after) == len(before):
        why = "other bytes than were handed out" if after != before else "not signed"
    elif signed_roles(after) != [*signed_roles(before), role]:
        why = "signed fields: " + ", ".join(map(str, signed_roles(after)))
    else:
        first = _reader(before).xrefs.total_revisions - 1
        found = signatures(after, roots, now=datetime.now(UTC), crls=crls)
        last = found[-1]
        twice = [s.public_key for s in found].count(last.public_key) > 1
        if not _only_signed_after(_reader(after), first):
            why = "something else than a signature was added"
        elif twice:
            why = f"one certificate in two roles: {last.signer}"
        elif last.verdict is Verdict.CHANGED or last.code in _UNFIT or not last.covers_whole:
            why = f"{last.code}: {last.reason_en}"
    if why:
        raise _refused(
            "sign.came-back",
            "交回的报告不是原件加一个签名",
            "what came back is not the report that left and one signature",
            expected=role,
            found=why,
        )


def page_texts(pdf: bytes) -> list[str]:
    """Return the text that each page's own content shows, in drawing order, without white space.

    Text in fonts of another make than typst embeds is left out.

    Raises
    ------
    InputError
        ``pdf.unreadable``.
    """
    try:
        reader = _reader(pdf)
        count = int(reader.root["/Pages"]["/Count"])
        return [_page_text(reader, index) for index in range(count)]
    except InputError:
        raise
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


# --- what pyHanko goes through byte by byte -------------------------------------------------------

_parse_table: Any = xref.parse_xref_table
_process_entries: Any = xref.XRefSectionData.process_entries
_read_hex: Any = generic.read_hex_string_from_stream
_read_array: Any = ArrayObject.read_from_stream


def _table(stream: Any, strict: bool) -> Any:
    """Read a cross-reference table; one that is not plainly written is left to pyHanko."""
    return plain_table(stream) or _parse_table(stream, strict)


def _entered(section: Any, entries: Any, strict: bool) -> int:
    """Enter a table into what pyHanko knows of a revision; return the highest number."""
    if not isinstance(entries, Table):
        return int(_process_entries(section, entries, strict))
    section.standard_xrefs, section.explicit_refs_in_revision, highest = entries
    section.higher_generation_refs = lambda: ()  # a plain table has none
    return highest


def _hex_string(stream: Any) -> Any:
    """Read a hexadecimal string; one that is not plainly written is left to pyHanko."""
    found = plain_hex(stream)
    return _read_hex(stream) if found is None else generic.pdf_string(found)


def _array(stream: Any, container: Any, in_content_stream: Any = ContentOpReading.NO) -> Any:
    """Read an array; one of other things than references and whole numbers is left to pyHanko."""
    items = plain_array(stream) if in_content_stream is ContentOpReading.NO else None
    if items is None:
        return _read_array(stream, container, in_content_stream=in_content_stream)
    found = ArrayObject()
    for number, generation in items:
        if generation is None:
            item = _pdf.NumberObject(number)
        else:
            item = _pdf.IndirectObject(number, generation, container.get_pdf_handler())
        item.container_ref = container
        found.append(item)
    return found


xref.parse_xref_table = _table
xref.XRefSectionData.process_entries = _entered  # type: ignore[assignment,method-assign]
generic.read_hex_string_from_stream = _hex_string
ArrayObject.read_from_stream = staticmethod(_array)  # type: ignore[assignment,method-assign]


# --- writing ------------------------------------------------------------------------------------


class _Writer(IncrementalPdfFileWriter):
    """Adds an update that touches no metadata and draws nothing from chance or clock.

    The overridden methods are pyHanko's own; its version is pinned to a minor release.
    """

    IO_CHUNK_SIZE = 1 << 20  # a report is copied in two pieces, not in four hundred

    def _update_meta(self) -> None:
        """Leave Info and XMP as typst wrote them: PDF/A wants the two to agree."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> ArrayObject:
        first, _ = prev.trailer["/ID"]
        prev.stream.seek(0)
        second = ByteStringObject(hashlib.sha256(prev.stream.read()).digest()[:16])
        return ArrayObject([ByteStringObject(first.original_bytes), second])


class _NoStamp(BaseStampStyle):
    """The page prints the signature block; the field draws nothing."""

    def create_stamp(self, writer: Any, box: Any, text_params: Any) -> None:
        """Give no stamp, and the empty appearance stays."""


class _Signer(Signer):
    """Has a key sign that was parsed once, or lies in a token."""

    def __init__(self, key: SigningKey) -> None:
        super().__init__(signing_cert=_to_asn1(key.certificate))
        self._key = key

    async def async_sign(
        self, data_digest: bytes, digest_algorithm: str, *_: Any, **more: Any
    ) -> bytes:
        """Give the bytes that pyHanko's own method gives; SHA-256 is the only digest asked for."""
        if digest_algorithm != "sha256":
            raise SigningError(f"unexpected digest {digest_algorithm}")
        key, token, stamper = self._key, b"", more.get("timestamper")
        attributes = to_sign(key.certificate, data_digest)
        value = key.private.sign(attributes)
        if not holds(key.certificate, value, attributes):
            raise _refused(
                "sign.foreign-key",
                "私钥与证书不相配，签名不成立",
                "the key does not belong to its certificate: its signature does not hold",
                found=key.name,
                remedy_zh="检查证书与私钥（令牌的标签）是否成对",
                remedy_en="see that certificate and key (label of a token) are a pair",
            )
        if stamper is not None:
            imprint = hashlib.sha256(value).digest()
            token = (await stamper.async_timestamp(imprint, digest_algorithm)).dump()
        return container(key.certificate, key.chain, attributes, value, token)


class _Stamper(TimeStamper):
    """Hands requests to an authority of ours."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._authority = authority

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Ask, and wait for the answer."""
        return tsp.TimeStampResp.load(ask(self._authority, req.dump()))


@lru_cache(maxsize=4)
def _stamper(authority: Authority) -> _Stamper:
    """Return the stamper of an authority: its first answer is kept, to know how long they are."""
    return _Stamper(authority)


async def _sign(
    signer: PdfSigner, writer: _Writer, time: datetime, key: SigningKey, stamper: _Stamper | None
) -> bytes:
    """Run pyHanko's steps with our time instead of the clock's."""
    session = signer.init_signing_session(writer, existing_fields_only=True)
    session.system_time = time
    validation = await session.perform_presign_validation(writer)
    bytes_reserved = _room(key)
    if stamper is not None:
        bytes_reserved += 4 * len((await stamper.async_dummy_response("sha256")).dump())
    document = session.prepare_tbs_document(
        validation_info=validation, bytes_reserved=bytes_reserved, appearance_text_params=None
    )
    digest, output = document.digest_tbs_document()
    done = await document.perform_signature(
        document_digest=digest.document_digest,
        pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=time),
    )
    await done.post_signature_processing(output)
    output.seek(0)
    return bytes(output.read())


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run pyHanko's coroutine in a loop of its own, also inside a notebook, which runs one.

    ``asyncio.run`` would print the whole document into a message that nobody reads.
    """

    def alone() -> _T:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.close()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return alone()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(alone).result()


def _room(key: SigningKey) -> int:
    """Return hex digits to reserve.

    Certificates, plus signature (512 bytes serve RSA-4096), attributes and names with margin: a
    trial signature is not needed, which a person with a token would have to confirm.
    """
    encoding = serialization.Encoding.DER
    certificates = [key.certificate, *key.chain]
    return 2 * (sum(len(cert.public_bytes(encoding)) for cert in certificates) + 2048)


def _tag_field(writer: _Writer, name: str, label: str) -> None:
    """Put a field's widget into the structure tree (PDF/UA 7.18)."""
    widget: Any = next(
        reference
        for found, _, reference in pdf_fields.enumerate_sig_fields(writer)
        if found == name
    )
    annotation: Any = widget.get_object()
    page = annotation.raw_get("/P")
    page_object = page.get_object()
    if page_object.get("/Tabs") != "/S":
        page_object[pdf_name("/Tabs")] = pdf_name("/S")
        writer.update_container(page_object)
    tree = writer.root["/StructTreeRoot"]
    kids = tree.raw_get("/K")
    document = kids.get_object()
    while isinstance(document, ArrayObject):
        kids = document[0] if not hasattr(document, "raw_get") else document.raw_get(0)
        document = kids.get_object()
    # /K is the OBJR itself: in an array pyHanko takes genuine signatures for changed
    element = _pdf.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/StructElem"),
            pdf_name("/S"): pdf_name("/Form"),
            pdf_name("/P"): kids,
            pdf_name("/Alt"): _pdf.TextStringObject(label),
            pdf_name("/K"): _pdf.DictionaryObject(
                {
                    pdf_name("/Type"): pdf_name("/OBJR"),
                    pdf_name("/Obj"): widget,
                    pdf_name("/Pg"): page,
                }
            ),
        }
    )
    reference = writer.add_object(element)
    children = document.raw_get("/K") if "/K" in document else ArrayObject()
    children = children.get_object()
    if not isinstance(children, ArrayObject):
        children = ArrayObject([document.raw_get("/K")])
    children.append(reference)
    document[pdf_name("/K")] = children
    writer.update_container(document)
    number = int(tree["/ParentTreeNextKey"])
    annotation[pdf_name("/StructParent")] = _pdf.NumberObject(number)
    writer.update_container(annotation)
    numbers = tree["/ParentTree"]["/Nums"]
    numbers.append(_pdf.NumberObject(number))
    numbers.append(reference)
    tree[pdf_name("/ParentTreeNextKey")] = _pdf.NumberObject(number + 1)
    writer.update_container(numbers)
    writer.update_container(tree)


def _refuse_same_person(
    earlier: list[EmbeddedPdfSignature], signers: Mapping[Role, SigningKey]
) -> None:
    seen = {_public_digest(_to_x509(one.signer_cert)): _role_of(one) for one in earlier}
    for role, key in signers.items():
        other = seen.setdefault(_public_digest(key.certificate), role)
        if other != role:
            raise _refused(
                "sign.same-person",
                "同一证书不能担任两个角色",
                "one certificate cannot sign in two roles",
                found=f"{other}: {key.name}",
            )


# --- reading ------------------------------------------------------------------------------------


def _statuses(
    embedded: list[EmbeddedPdfSignature],
    roots: list[x509.Certificate],
    *,
    now: datetime,
    crls: Sequence[x509.CertificateRevocationList] = (),
    differences: bool = True,
) -> list[SignatureStatus]:
    """Judge the signatures of one file, then what only all of them together show."""
    found: list[SignatureStatus] = []
    roles = _signing_roles(embedded[0].reader) if embedded else ()
    for index, signature in enumerate(embedded):
        role = _role_of(signature)
        facts: dict[str, Any] = {"role": role, "field": signature.fq_name}
        try:
            facts |= _facts(signature)
            if role is None:
                answer = _answer("foreign-field")
            elif roles[index : index + 1] != (role,):
                answer = _answer("order")
            else:
                last = index == len(embedded) - 1
                status = _validate(signature, roots, now=now, differences=differences)
                stamp = _stamp(signature, roots, now, crls)
                answer = _judge(signature, status, facts, stamp, last=last, now=now)
                if answer["verdict"] is Verdict.VALID:
                    gone = _revoked(signature, roots, crls)
                    answer |= _if_revoked(gone, answer["proven_at"], signature, now)
        except Exception as error:  # a crafted signature can break a parser anywhere
            answer = _answer("unreadable", type(error).__name__)
        found.append(SignatureStatus(**(facts | answer)))
    keys = [status.public_key for status in found]
    return [
        replace(status, **_answer("same-person"))
        if status.verdict is Verdict.VALID and keys.count(status.public_key) > 1
        else status
        for status in found
    ]


def _facts(signature: EmbeddedPdfSignature) -> dict[str, Any]:
    """Return what the signature states about itself."""
    certificate = _to_x509(signature.signer_cert)
    claimed = signature.self_reported_timestamp
    chain = [certificate, *map(_to_x509, signature.other_embedded_certs)]
    return {
        "role": _role_of(signature),
        "field": str(signature.fq_name),  # a plain text, which holds no file
        "signer": _name_part(certificate.subject, x509.NameOID.COMMON_NAME),
        "organisation": _name_part(certificate.subject, x509.NameOID.ORGANIZATION_NAME),
        "issuer": _name_part(certificate.issuer, x509.NameOID.COMMON_NAME),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "public_key": _public_digest(certificate),
        "demonstration": any(map(is_demonstration, chain)),
        "claimed_at": claimed.isoformat() if claimed else "",
    }


def _validate(
    signature: EmbeddedPdfSignature,
    roots: list[x509.Certificate],
    *,
    now: datetime,
    differences: bool,
) -> PdfSignatureStatus:
    """Let pyHanko check digest, signature value, later revisions and the path to a root."""
    anchors = [_to_asn1(root) for root in roots]
    others = list(signature.other_embedded_certs)

    def context(at: datetime) -> ValidationContext:
        return ValidationContext(
            trust_roots=anchors,
            other_certs=others,
            moment=at,
            allow_fetching=False,
            revocation_mode="soft-fail",
        )

    return _run(
        async_validate_pdf_signature(
            signature,
            signer_validation_context=context(_moment(signature, now)),
            ts_validation_context=context(now),
            key_usage_settings=_USAGE,
            skip_diff=not differences,
        )
    )


def _moment(signature: EmbeddedPdfSignature, now: datetime) -> datetime:
    """Return the time at which the certificate is judged: stamped, else claimed, else now."""
    term = _term(signature)
    for time in (_stamp_time(signature), signature.self_reported_timestamp):
        if time is not None and time.tzinfo is not None and term[0] <= time <= term[1]:
            return time
    return now


def _term(signature: EmbeddedPdfSignature) -> tuple[datetime, datetime]:
    certificate = _to_x509(signature.signer_cert)
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _judge(
    signature: EmbeddedPdfSignature,
    status: PdfSignatureStatus,
    facts: Mapping[str, Any],
    stamp: Stamp | None,
    *,
    last: bool,
    now: datetime,
) -> dict[str, Any]:
    """Decide about one signature; the first thing that speaks against it is the reason."""
    begin, end = _term(signature)
    term = f"{begin:%Y-%m-%d} – {end:%Y-%m-%d}"
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    stamped = _stamp_time(signature)
    proven = stamp is not None and stamp.code == "valid"
    if not status.intact:
        answer = _answer("digest")
    elif not status.valid:
        answer = _answer("cryptography")
    elif not _sound_range(signature) or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        answer = _answer("range")
    elif status.docmdp_ok is False or (last and not whole):
        answer = _answer("added-after")
    elif stamp is not None and stamp.code == "broken":
        answer = _answer("stamp")
    elif not begin <= _moment(signature, now) <= end:
        answer = _answer("not-in-force", term)
    elif not status.trusted:
        # with a path, or a rule of it broken, the certificate is at fault; else the root
        unfit = status.validation_path is not None or (
            getattr(status.trust_problem_indic, "name", "") in _UNSUITABLE
        )
        answer = (
            _answer("unsuitable-certificate")
            if unfit
            else _answer("unknown-authority", facts["issuer"])
        )
    elif now > end and not proven:
        answer = _answer("expired", term)
    else:
        answer = _answer("demonstration" if facts["demonstration"] else "valid")
    shown = stamped.isoformat() if stamped else ""
    answer |= {"covers_whole": whole, "proven_at": shown if proven else "", "stamped_at": shown}
    return answer | ({"stamp": stamp.code, "authority": stamp.authority} if stamp else {})


def _revoked(
    signature: EmbeddedPdfSignature,
    roots: list[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
) -> datetime | None:
    others = [_to_x509(one) for one in signature.other_embedded_certs]
    path = path_to(_to_x509(signature.signer_cert), others, roots)
    return revoked(path, crls) if path else None


def _if_revoked(
    gone: datetime | None, proven: str, signature: EmbeddedPdfSignature, now: datetime
) -> dict[str, Any]:
    """Judge a certificate that was revoked: before it signed, after, or nobody can tell."""
    if gone is None:
        return {}
    if proven:
        return _answer("revoked", f"{gone:%Y-%m-%d}") if gone <= _moment(signature, now) else {}
    claimed = signature.self_reported_timestamp
    if claimed is not None and claimed.tzinfo is not None and gone <= claimed:
        return _answer("revoked", f"{gone:%Y-%m-%d}")
    return {} if now < gone else _answer("revoked-since", f"{gone:%Y-%m-%d}")


def _embedded_lists(reader: PdfFileReader) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists in the document security store; each proves itself."""
    found = []
    for entry in _at(reader.root, "/DSS", "/CRLs") or ():
        try:
            found.append(x509.load_der_x509_crl(entry.get_object().data))
        except (ValueError, AttributeError):
            continue
    return found


def _only_signed_after(reader: Any, revision: int) -> bool:
    """Whether every later revision does nothing but fill one empty signature field of ours.

    Such a revision writes two objects: the field, equal but for a new ``/V``, and under a number
    never used before the signature that ``/V`` refers to. Beside them it may lengthen the lists of
    the document security store by new streams. Anything else is for the full comparison.
    """
    table = reader.xrefs
    if table.hybrid_xrefs_present:
        return False
    for number in range(revision + 1, table.total_revisions):
        try:
            if not _fills_a_field(reader, number):
                return False
        except Exception:  # a crafted file can break a parser anywhere; the full comparison decides
            return False
    return True


def _fills_a_field(reader: Any, number: int) -> bool:
    table = reader.xrefs
    before, after = (reader.get_historical_resolver(at) for at in (number - 1, number))
    size = int(before.trailer_view["/Size"])
    written = table.explicit_refs_in_revision(number)
    fresh = {ref.idnum: ref for ref in written if ref.idnum >= size}
    store = before.root.get_value_as_reference("/DSS", optional=True)
    old_ones = [ref for ref in written if ref.idnum < size]
    fields = [ref for ref in old_ones if store is None or ref.idnum != store.idnum]
    stored = _stored(before, after, store) if len(fields) < len(old_ones) else set()
    if stored is None or stored - set(fresh) or len(fields) != 1:
        return False
    if any(ref.generation for ref in written):
        return False
    if table.refs_freed_in_revision(number) or int(after.trailer_view["/Size"]) <= max(fresh):
        return False
    if any(table.get_introducing_revision(ref) != number for ref in fresh.values()):
        return False
    if _plain(before.trailer_view, _TECHNICAL) != _plain(after.trailer_view, _TECHNICAL):
        return False
    old, new = before.get_object(fields[0]), after.get_object(fields[0])
    value = new.raw_get("/V")
    streams = [ref for idnum, ref in fresh.items() if idnum in stored]
    if any(not isinstance(after.get_object(ref), generic.StreamObject) for ref in streams):
        return False
    (signed,) = [ref for idnum, ref in fresh.items() if idnum not in stored]
    return (
        isinstance(old, generic.DictionaryObject)
        and str(_at(old, "/T")) in FIELDS.values()
        and "/V" not in old
        and _plain(old, set()) == _plain(new, {"/V"})
        and isinstance(value, generic.IndirectObject)
        and value.reference.idnum == signed.idnum
        and type(after.get_object(signed)) is generic.DictionaryObject
    )


def _stored(before: Any, after: Any, store: Any) -> set[int] | None:
    """Return the numbers a revision added to the security store; None when it did anything else."""
    old, new = before.get_object(store), after.get_object(store)
    if not isinstance(new, generic.DictionaryObject) or set(new) - {"/Certs", "/CRLs"}:
        return None
    added: set[int] = set()
    for name in ("/Certs", "/CRLs"):
        lists = [
            [one.idnum for one in map(_reference, found.raw_get(name))] if name in found else []
            for found in (old, new)
        ]
        if lists[1][: len(lists[0])] != lists[0]:
            return None
        added |= set(lists[1][len(lists[0]) :])
    return added


def _reference(found: Any) -> Any:
    if not isinstance(found, generic.IndirectObject):
        raise TypeError("not a reference")
    return found.reference


def _plain(found: Any, without: set[str]) -> dict[str, bytes]:
    """Return the entries of a dictionary as they are written, references unresolved."""
    entries = {}
    for key in found:
        if key not in without:
            out = BytesIO()
            found.raw_get(key).write_to_stream(out, None)
            entries[str(key)] = out.getvalue()
    return entries


def _sound_range(signature: EmbeddedPdfSignature) -> bool:
    """Whether the byte range leaves out the signature's own hex string and nothing else."""
    numbers = [int(number) for number in signature.byte_range]
    if len(numbers) != 4 or numbers[0] != 0:
        return False
    stream = signature.reader.stream
    stream.seek(numbers[1])
    gap = stream.read(max(0, numbers[2] - numbers[1]))
    return re.fullmatch(rb"<[0-9A-Fa-f]*>", gap) is not None


def _stamp_time(signature: EmbeddedPdfSignature) -> datetime | None:
    """Return the time in the signature's time stamp, not yet checked."""
    token = _stamp_token(signature)
    if token is None:
        return None
    moment: datetime = token["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


def _stamp(
    signature: EmbeddedPdfSignature,
    roots: Sequence[x509.Certificate],
    now: datetime,
    crls: Sequence[x509.CertificateRevocationList],
) -> Stamp | None:
    """Judge the signature's time stamp by the rules that hold for the ledger's."""
    token = _stamp_token(signature)
    if token is None:
        return None
    value = signature.signer_info["signature"].native
    return check_stamp(token.dump(), value, roots, now=now, crls=crls)


def _stamp_token(signature: EmbeddedPdfSignature) -> Any:
    for attribute in signature.signer_info["unsigned_attrs"] or ():
        if attribute["type"].native == "signature_time_stamp_token":
            return attribute["values"][0]
    return None


def _embedded(reader: PdfFileReader) -> list[EmbeddedPdfSignature]:
    """Return all signatures, document time stamps included, oldest first."""
    return list(reader.embedded_signatures)


def _role_of(signature: EmbeddedPdfSignature) -> Role | None:
    return next((role for role, name in FIELDS.items() if name == signature.fq_name), None)


def _signing_roles(reader: Any) -> tuple[Role, ...]:
    """Give who signs a report by its fields: the three, the institution alone, or nobody."""
    names = {name for name, _, _ in pdf_fields.enumerate_sig_fields(reader)}
    there = tuple(role for role in ROLES if FIELDS[role] in names)
    return there if there in ((), ROLES[-1:]) else tuple(ROLES)


def _page_text(reader: Any, index: int) -> str:
    page = reader.find_page_for_modification(index)[0].get_object()
    tables = {}
    for name, font in (_at(page, "/Resources", "/Font") or {}).items():
        table = _at(font.get_object(), "/ToUnicode")
        tables[str(name)] = unicode_table(table.data) if table is not None else {}
    contents = page["/Contents"]
    parts = list(contents) if isinstance(contents, ArrayObject) else [contents]
    content = b"\n".join(part.get_object().data for part in parts)
    return re.sub(r"\s", "", shown_text(content, tables))


def _at(found: Any, *path: str) -> Any:
    """Follow keys through dictionaries and references; None where one is missing."""
    for key in path:
        if key not in found:
            return None
        found = found[key]
    return found


def _reader(pdf: bytes) -> PdfFileReader:
    try:
        reader = PdfFileReader(BytesIO(pdf))
        if reader.encrypted:
            raise ValueError("encrypted")
        reader.root  # noqa: B018  (a file without a catalogue fails here)
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error
    return reader


def _writer(pdf: bytes) -> _Writer:
    try:
        return _Writer(BytesIO(pdf))
    except Exception as error:  # a crafted file can break a parser anywhere
        raise _unreadable(error) from error


def _written(writer: Any) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _to_asn1_list(crl: x509.CertificateRevocationList) -> asn1_crl.CertificateList:
    return asn1_crl.CertificateList.load(crl.public_bytes(serialization.Encoding.DER))


def _to_x509(certificate: asn1_x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())


def _public_digest(certificate: x509.Certificate) -> str:
    data = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(data).hexdigest()


def _name_part(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next((str(part.value) for part in name.get_attributes_for_oid(oid)), "")


def _answer(code: str, fact: str = "") -> dict[str, Any]:
    verdict, *texts = REASONS[code]
    names = ("reason_zh", "reason_en", "bring_zh", "bring_en")
    filled = {name: text.format(fact) for name, text in zip(names, texts, strict=True)}
    return {"verdict": verdict, "code": code} | filled


def _refused(code: str, zh: str, en: str, **more: str) -> InputError:
    return InputError(Problem(code=code, zh=zh, en=en, **more))  # type: ignore[arg-type]


def _unreadable(error: Exception) -> InputError:
    return _refused(
        "pdf.unreadable",
        "PDF 的结构无法读取",
        "the structure of the PDF cannot be read",
        found=f"{type(error).__name__}: {error}"[:160],
    )
