"""Timelines as a Parquet table, with pyarrow."""

from __future__ import annotations

import io
from collections.abc import Sequence

from hearfelt.errors import HearfeltError, require
from hearfelt.inference.timeline.segments import Timeline
from hearfelt.results.segment_rows import FACTS, column_names, heard_in, row_values

__all__ = ["parquet"]


def parquet(timelines: Sequence[Timeline]) -> bytes:
    """Write timelines as the bytes of a Parquet file, a row for each segment.

    Args:
        timelines: of any number of sounds, heard by one model.

    Raises:
        ExtraMissingError: if pyarrow is not installed.
        HearfeltError: if the timelines have different labels.
    """
    arrow, files = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    labels = timelines[0].labels if timelines else ()
    if other := next((one for one in timelines if one.labels != labels), None):
        raise HearfeltError(f"{other.source}: other labels than the first timeline's; one table holds one model's")
    names = column_names(labels)
    kinds = {"channel": arrow.int32(), "start_s": arrow.float64(), "end_s": arrow.float64()}
    kinds |= {"confidence": arrow.float64(), "unsure": arrow.bool_()}
    kinds |= {name: arrow.string() for name in FACTS if name not in kinds}
    schema = arrow.schema([(name, kinds.get(name, arrow.float64())) for name in names])
    rows = [dict(zip(names, row_values(heard), strict=True)) for heard in heard_in(timelines)]
    written = io.BytesIO()
    files.write_table(arrow.Table.from_pylist(rows, schema=schema), written)
    return written.getvalue()
