"""ELAN's annotations (.eaf): for each side a tier of emotions and a tier of confidence.

The annotation format 3.0 of https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf. Times are whole
milliseconds; a confidence belongs to its emotion (symbolic association), so that moving one moves the other.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes
from xml.etree import ElementTree

from hearfelt.inference.timeline.segments import Timeline, side_name
from hearfelt.runtime.files import path_given

__all__ = ["elan"]

_SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SYMBOLIC: Final = "Symbolic_Association"


def elan(timelines: Sequence[Timeline], path: Path | None = None) -> str:
    """Write the timelines of one sound as an ELAN document.

    Args:
        timelines: one, or one for each side.
        path: the path that the document will have: the sound is linked relative to it, and by its absolute path.
            By default in the working folder.

    Example:
        >>> elan([Timeline("a.wav", None, 2.0, (), ("calm", "sad"), "toy")]).count("<TIER ")
        2
    """
    ElementTree.register_namespace("xsi", _INSTANCE)
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "hearfelt",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_INSTANCE}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    _add_header(document, timelines[0].source, Path() if path is None else path.parent)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    for one in timelines:
        _add_tiers(document, order, one, len(timelines))
    _add_types(document)
    ElementTree.indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"


def _add_header(document: ElementTree.Element, source: str, folder: Path) -> None:
    header = ElementTree.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    media = path_given(source)
    if media.is_file():  # ELAN plays it; standard input and samples cannot be played
        kind = mimetypes.guess_type(media.name)[0] or "audio/x-wav"
        place = media.parent.resolve() / media.name  # a link keeps its own name: ELAN looks at the ending
        where = {"MEDIA_URL": place.as_uri(), "MIME_TYPE": kind, **_relative_url(place, folder.resolve())}
        ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", where)


def _relative_url(place: Path, folder: Path) -> dict[str, str]:
    """Give the URL of a file relative to a folder, escaped; nothing between two drives of Windows."""
    try:
        way = Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:
        return {}
    url = quote_from_bytes(os.fsencode(way))
    return {"RELATIVE_MEDIA_URL": url if url.startswith("../") else f"./{url}"}


def _add_tiers(document: ElementTree.Element, order: ElementTree.Element, timeline: Timeline, sides: int) -> None:
    side = side_name(timeline.channel, sides)
    name = side or "emotion"
    emotions = ElementTree.SubElement(document, "TIER", {"LINGUISTIC_TYPE_REF": "emotion", "TIER_ID": name})
    below = {"LINGUISTIC_TYPE_REF": "confidence", "PARENT_REF": name, "TIER_ID": f"{side} confidence".strip()}
    sureness = ElementTree.SubElement(document, "TIER", below)
    track = "mix" if timeline.channel is None else str(timeline.channel)
    for place, segment in enumerate(timeline.segments):
        slots = [f"ts-{track}-{place}-{edge}" for edge in ("start", "end")]
        for slot, time_s in zip(slots, (segment.start_s, segment.end_s), strict=True):
            ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(round(time_s * 1000))})
        emotion, confidence = f"a-{track}-{place}", f"c-{track}-{place}"
        times = {"TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
        _annotate(emotions, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": emotion, **times}, segment.emotion)
        reference = {"ANNOTATION_ID": confidence, "ANNOTATION_REF": emotion}
        _annotate(sureness, "REF_ANNOTATION", reference, f"{segment.confidence:.4f}")


def _annotate(tier: ElementTree.Element, kind: str, attributes: dict[str, str], value: str) -> None:
    annotation = ElementTree.SubElement(ElementTree.SubElement(tier, "ANNOTATION"), kind, attributes)
    ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _legal(value)


def _add_types(document: ElementTree.Element) -> None:
    for name, extra in (("emotion", {"TIME_ALIGNABLE": "true"}), ("confidence", {"TIME_ALIGNABLE": "false"})):
        reference = {"CONSTRAINTS": _SYMBOLIC} if name == "confidence" else {}
        attributes = {**reference, "GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": name, **extra}
        ElementTree.SubElement(document, "LINGUISTIC_TYPE", attributes)
    described = {"DESCRIPTION": "1-1 association with a parent annotation", "STEREOTYPE": _SYMBOLIC}
    ElementTree.SubElement(document, "CONSTRAINT", described)


def _legal(text: str) -> str:
    """Replace what XML cannot hold: control characters, and half a character of a name that is not UTF-8."""
    return "".join(one if one.isprintable() or one in "\t\n" else "�" for one in text)
