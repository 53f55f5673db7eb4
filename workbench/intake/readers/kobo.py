"""KoboToolbox and ODK Central: exports with group paths, one column per option, repeats apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["is_mine", "kobo"]

_META = {
    "respondent": ("_uuid", "KEY", "meta-instanceID", "_id", "instanceID"),
    "started": ("start", "starttime"),
    "finished": ("end", "endtime", "_submission_time", "SubmissionDate"),
    "interviewer": ("username", "_submitted_by", "SubmitterName", "enumerator"),
    "device": ("deviceid", "DeviceID"),
}
_OWN = {name for names in _META.values() for name in names} | {
    "today", "phonenumber", "subscriberid", "simserial", "_validation_status", "_notes", "_status",
    "__version__", "_tags", "_index", "formhub/uuid", "meta/instanceID", "meta/rootUuid",
    "SubmitterID", "AttachmentsPresent", "AttachmentsExpected", "Status", "ReviewState", "Edits",
    "FormVersion", "instanceName", "meta-instanceName", "_attachments", "_geolocation",
}  # fmt: skip
_MARKS = {"0", "1", "true", "false", "n/a"}
_LAT, _LON = ("_latitude", "-Latitude"), ("_longitude", "-Longitude")
_PLACE = (*_LAT, *_LON, "_altitude", "_precision", "-Altitude", "-Accuracy")
_CRS = "WGS-84"
"""System of every geopoint of ODK (XForms: latitude and longitude as the device's GPS gives)."""


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of KoboToolbox or ODK Central."""
    have = set(titles)
    return {"_uuid", "_submission_time"} <= have or {"SubmissionDate", "KEY"} <= have


def kobo(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of KoboToolbox or ODK Central with its questions told.

    A column whose title is that of another and one option more (``use/lift`` beside ``use``)
    belongs to that other, a question with several answers; so do several columns of marks that
    share the path before their last step, where the export leaves the question's own column out.
    Positions are in WGS-84 unless the source says otherwise (``set: {crs: …}``).
    """
    titles = grid.titles
    named = {}
    for name, choices in _META.items():
        found = next((t for t in choices if t in titles), None)
        if found is not None:
            named[name] = Named(found)
    for name, tails in (("lat", _LAT), ("lon", _LON)):
        places = [t for t in titles if t.endswith(tails)]
        if len(places) == 1:
            named[name] = Named(places[0])
        if places and name == "lat":
            named["crs"] = Named(places[0], lambda _: _CRS, blank=_CRS)
            if "crs" not in {*getattr(how, "set", ()), *titles}:
                log.add(
                    "intake.crs",
                    1,
                    f"{how.file}：ODK 的位置按 {_CRS} 读取；不是的，写 set: {{crs: …}}",
                    f"{how.file}: positions of ODK are read as {_CRS}; if they are not, "
                    "write set: {crs: …}",
                    once=True,
                )
    mine = [
        t
        for t in titles
        if t not in _OWN and not t.startswith(("#", "_")) and not t.endswith(_PLACE)
    ]
    options: dict[str, list[tuple[str, str]]] = {}
    for title in mine:
        stem, slash, option = title.rpartition("/")
        if slash and (stem in mine or stem not in titles):
            options.setdefault(stem, []).append((option, title))
    for stem, columns in list(options.items()):
        cells = [c.casefold() for _, t in columns for c in grid.column(titles.index(t))]
        marks = cells and len(columns) > 1 and set(cells) <= _MARKS
        if stem not in mine and not marks:
            del options[stem]  # a group of questions
    inside = {title for columns in options.values() for _, title in columns}
    questions = [
        Question(
            title,
            title.rpartition("/")[2],
            "multiple" if title in options else "",
            title.rpartition("/")[2].lower(),
            columns=tuple(options.get(title, ())),
        )
        for title in dict.fromkeys(
            title if title not in inside else title.rpartition("/")[0] for title in mine
        )
    ]
    grid.export = Export("kobo", named, tuple(questions), {"n/a": "not_asked"}, separator=" ")
    return grid
