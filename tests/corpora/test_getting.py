import pytest

from hearfelt.corpora.catalog import FORMS
from hearfelt.corpora.getting import get_corpus, parse_actors
from hearfelt.errors import CorpusError


@pytest.mark.parametrize(
    ("text", "actors"),
    [("7", {7}), ("1,2", {1, 2}), (" 1 , 2,2", {1, 2}), ("1-4,24", {1, 2, 3, 4, 24}), ("09", {9}), ("3–5", {3, 4, 5})],
)
def test_actors_are_numbers_and_ranges(text, actors):
    assert parse_actors(text) == actors


@pytest.mark.parametrize("text", ["", ",", "one", "1;2", "4-1", "1,", "-3", "1.5", "123"])
def test_anything_else_is_no_list_of_actors(text):
    with pytest.raises(CorpusError, match="write numbers from 1 to 24 and ranges, such as 1,2 or 1-4,7"):
        parse_actors(text)


def test_the_toy_is_made_as_code_makes_it_and_made_again_is_the_same(tmp_path, toy):
    wanted = {path.name: path.read_bytes() for path in toy.iterdir()}
    for _ in range(2):
        got = get_corpus("toy", tmp_path)
        assert (got.clips, got.fetched) == ({"speech": 96}, 0)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == wanted


@pytest.mark.parametrize("options", [{"channel": "speech"}, {"actors": "1"}])
def test_the_toy_has_no_halves(tmp_path, options):
    with pytest.raises(CorpusError, match="toy comes whole"):
        get_corpus("toy", tmp_path / "toy", **options)


@pytest.mark.parametrize("name", sorted(set(FORMS) - {"ravdess", "toy", "folder"}))
def test_of_other_corpora_it_is_said_where_they_are(tmp_path, name):
    with pytest.raises(CorpusError, match=f"published at {FORMS[name].url}.*does not fetch it"):
        get_corpus(name, tmp_path / name)


def test_a_folder_of_ones_own_needs_no_getting(tmp_path):
    with pytest.raises(CorpusError, match="your own recordings"):
        get_corpus("folder", tmp_path / "mine")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ravdes", "did you mean ravdess"), ("Toy", "did you mean toy"), ("xyz", "get knows ravdess and toy")],
)
def test_an_unknown_name_gets_a_hint(tmp_path, name, hint):
    with pytest.raises(CorpusError, match=hint):
        get_corpus(name, tmp_path)
