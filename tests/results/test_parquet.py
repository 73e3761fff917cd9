from __future__ import annotations

import io
from dataclasses import replace

import pytest

from hearfelt.errors import HearfeltError
from hearfelt.results.parquet import parquet

files = pytest.importorskip("pyarrow.parquet")


def test_every_column_has_one_kind_also_where_nobody_speaks(mixed) -> None:
    for timeline in (mixed, replace(mixed, segments=())):
        schema = files.read_schema(io.BytesIO(parquet([timeline])))
        kinds = {name: str(schema.field(name).type) for name in schema.names}
        assert list(kinds.values())[:8] == ["string", "int32", "double", "double", "string", "double", "bool", "string"]
        assert kinds["calm"] == "double"


def test_pandas_reads_the_same_numbers(sides) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(io.BytesIO(parquet(sides)))
    assert frame["channel"].tolist() == [0, 1, 0]
    assert frame["confidence"].tolist() == [0.6, 0.4, 0.8]
    assert frame["unsure"].tolist() == [False, True, False]


def test_mixed_channels_are_null_and_not_zero(mixed) -> None:
    assert files.read_table(io.BytesIO(parquet([mixed]))).column("channel").null_count == 3


def test_one_table_holds_the_answers_of_one_model(mixed) -> None:
    with pytest.raises(HearfeltError, match="other labels than the first timeline's"):
        parquet([mixed, replace(mixed, labels=("calm", "sad"))])
