"""Positions on the ground: in which system they are, turned into WGS-84, and their distances.

Maps of mainland China show GCJ-02 (Amap, Tencent) or BD-09 (Baidu), which lie 100 to 700 metres
from where a receiver (WGS-84) is. A position whose system is not told is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["SYSTEMS", "metres", "system_of", "wgs84"]

SYSTEMS = ("WGS-84", "GCJ-02", "BD-09")
_AXIS, _ECCENTRICITY = 6378245.0, 0.00669342162296594323  # Krasovsky 1940, as the formula has it
_EARTH = 6371008.8  # mean radius in metres, IUGG
_KNOWN = {
    "wgs84": "WGS-84",
    "epsg4326": "WGS-84",
    "4326": "WGS-84",
    "gps": "WGS-84",
    "cgcs2000": "WGS-84",
    "epsg4490": "WGS-84",
    "gcj02": "GCJ-02",
    "amap": "GCJ-02",
    "tencent": "GCJ-02",
    "火星坐标": "GCJ-02",
    "高德": "GCJ-02",
    "腾讯": "GCJ-02",
    "bd09": "BD-09",
    "bd09ll": "BD-09",
    "baidu": "BD-09",
    "百度": "BD-09",
}


def system_of(name: str) -> str:
    """Give the system that a name means, ``""`` for one that is not known.

    CGCS2000 counts as WGS-84: they differ by centimetres.

    Examples
    --------
    >>> system_of("gcj-02"), system_of("EPSG:4326"), system_of("local grid")
    ('GCJ-02', 'WGS-84', '')
    """
    plain = "".join(sign for sign in name.casefold() if sign.isalnum())
    return _KNOWN.get(plain, "")


def wgs84(lat: Any, lon: Any, crs: str) -> tuple[Floats, Floats]:
    """Turn latitudes and longitudes of a system into WGS-84.

    Parameters
    ----------
    lat, lon : degrees, shape (n,); missing stays missing.
    crs : one of :data:`SYSTEMS`.

    Returns
    -------
    (lat, lon) in WGS-84, degrees. Outside mainland China (a box of 72.004-137.8347° E,
    0.8293-55.8271° N) GCJ-02 is taken to be WGS-84.

    Raises
    ------
    ValueError
        ``crs`` is not one of the systems.

    Notes
    -----
    The public formula of GCJ-02, inverted by iteration: forth and back again differ by less than
    a centimetre. The formula is a reconstruction and no published standard; what maps show may
    differ from it by a metre or two. BD-09 by the formula in general use onto GCJ-02: forth and
    back within 0.1 m, but 11 and 42 m off the two pairs of points published with common libraries.
    Good enough for "was the interviewer in this compound", not for a survey of land.

    Examples
    --------
    >>> lat, lon = wgs84([39.91334545536069], [116.38404722455657], "GCJ-02")
    >>> round(float(lat[0]), 6), round(float(lon[0]), 6)
    (39.911954, 116.377817)
    """
    import numpy as np

    if crs not in SYSTEMS:
        raise ValueError(f"unknown system of coordinates {crs!r}")
    y, x = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    if crs == "BD-09":
        y, x = _from_bd09(y, x)
    if crs == "WGS-84":
        return y, x
    by, bx = y.copy(), x.copy()
    for _ in range(10):
        dy, dx = _shift(by, bx)
        by, bx = y - dy, x - dx
    return by, bx


def _from_bd09(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    import numpy as np

    turn = np.pi * 3000 / 180
    x, y = lon - 0.0065, lat - 0.006
    z = np.hypot(x, y) - 0.00002 * np.sin(y * turn)
    theta = np.arctan2(y, x) - 0.000003 * np.cos(x * turn)
    return z * np.sin(theta), z * np.cos(theta)


def _shift(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Degrees by which GCJ-02 lies off WGS-84 at a point of WGS-84."""
    import numpy as np

    x, y = lon - 105.0, lat - 35.0
    root, pi = np.sqrt(np.abs(x)), np.pi
    wave = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
    north += (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
    east += (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    slope = 1 - _ECCENTRICITY * np.sin(lat / 180 * pi) ** 2
    dy = north * 180 / (_AXIS * (1 - _ECCENTRICITY) / (slope * np.sqrt(slope)) * pi)
    dx = east * 180 / (_AXIS / np.sqrt(slope) * np.cos(lat / 180 * pi) * pi)
    inside = (lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271)
    return np.where(inside, dy, 0.0), np.where(inside, dx, 0.0)


def metres(lat: Any, lon: Any, other_lat: Any, other_lon: Any) -> Floats:
    """Give the distance of points along the surface, in metres (haversine, sphere; error to 0.5 %).

    Parameters
    ----------
    lat, lon, other_lat, other_lon : degrees in one system, shapes that fit; missing gives missing.
    """
    import numpy as np

    a, b, c, d = (np.radians(np.asarray(v, dtype=float)) for v in (lat, lon, other_lat, other_lon))
    h = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    out: Floats = 2 * _EARTH * np.arcsin(np.sqrt(h))
    return out
