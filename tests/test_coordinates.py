"""Positions: published pairs of points, forth and back, distances."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import coordinates

# the pairs that the common libraries publish: WGS-84, GCJ-02
PAIRS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]
# and for BD-09, which the formula meets to some tens of metres only
BAIDU = [
    ((29.196131605295484, 120.00877901149691), (29.199786, 120.019809), 11),
    ((29.206795749156136, 120.0253853970846), (29.210504, 120.036455), 42),
]


@pytest.mark.parametrize(("true", "shown"), PAIRS)
def test_gcj02_comes_back_to_a_centimetre(
    true: tuple[float, float], shown: tuple[float, float]
) -> None:
    lat, lon = coordinates.wgs84([shown[0]], [shown[1]], "GCJ-02")
    assert float(coordinates.metres(lat, lon, *true)[0]) < 0.01
    off = float(coordinates.metres(*shown, *true))
    assert 300 < off < 700  # half a kilometre when the system is not told


@pytest.mark.parametrize(("true", "shown", "off"), BAIDU)
def test_bd09_is_as_good_as_documented(
    true: tuple[float, float], shown: tuple[float, float], off: int
) -> None:
    lat, lon = coordinates.wgs84([shown[0]], [shown[1]], "BD-09")
    assert float(coordinates.metres(lat, lon, *true)[0]) == pytest.approx(off, abs=1)
    assert float(coordinates.metres(*shown, *true)) > 1000


def test_missing_stays_missing_and_abroad_nothing_is_shifted() -> None:
    lat, lon = coordinates.wgs84([np.nan, 48.85], [2.35, 2.35], "GCJ-02")
    assert np.isnan(lat[0])
    assert (lat[1], lon[1]) == (48.85, 2.35)
    same = coordinates.wgs84([30.0], [114.0], "WGS-84")
    assert (same[0][0], same[1][0]) == (30.0, 114.0)
    with pytest.raises(ValueError, match="unknown system"):
        coordinates.wgs84([1.0], [1.0], "local")


def test_names_of_systems_are_understood() -> None:
    told = ["gcj-02", "GCJ02", "高德", "BD09", "wgs 84", "EPSG:4326", "CGCS2000", "", "local"]
    assert [coordinates.system_of(t) for t in told] == [
        "GCJ-02", "GCJ-02", "GCJ-02", "BD-09", "WGS-84", "WGS-84", "WGS-84", "", "",
    ]  # fmt: skip


def test_a_degree_of_latitude_is_111_kilometres() -> None:
    assert float(coordinates.metres(30, 114, 31, 114)) == pytest.approx(111_195, rel=1e-3)
