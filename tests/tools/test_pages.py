from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.metrics import classification_report

from hearfelt.emotions import EMOTIONS
from hearfelt.errors import CorpusError
from hearfelt.evaluation.results import ModelFile, Results, find_results, read_results
from hearfelt.inference.recognizer import DEFAULT_MODEL, model_path, shipped_models
from hearfelt.reports.formatting import bare
from hearfelt.reports.shipped_scores import read_scores
from result_pages.pages import BEGIN, END, check_pages, measured, measured_text, readme_block, results_page, write_pages
from result_pages.tables import read_anchors

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_results: Callable[..., Results]) -> Path:
    """A checkout with three results and the real anchors; tests must not change it."""
    root = tmp_path_factory.mktemp("checkout")
    make_results(root / "results", "emobox-ravdess", "weak", 0.8)
    make_results(root / "results", "seed-ravdess", "weak", 2.0, file=ModelFile(4_153_835, 47_000))
    make_results(root / "results", "seed-ravdess", "weak-7", 2.2, drop=("neutral",))
    (root / "docs").mkdir()
    (root / "docs" / "anchors.toml").write_bytes((REPOSITORY / "docs" / "anchors.toml").read_bytes())
    (root / "README.md").write_text(f"# mine\n\n{BEGIN}\n{END}\n\nThe rest.\n")
    write_pages(root)
    return root


@pytest.fixture
def checkout(made: Path, tmp_path: Path) -> Path:
    """A copy of it to change; the result files are the same ones."""
    (tmp_path / "results").symlink_to(made / "results")
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/results.md", "docs/unfamiliar-sound.md", "docs/anchors.toml"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def part(text: str, title: str) -> str:
    """One section of the page, up to the next heading."""
    return re.split(r"^#+ ", text.split(title, 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_what_was_just_written_is_fresh(checkout: Path) -> None:
    check_pages(checkout)


def test_a_checkout_without_results_has_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"{BEGIN}{END}")
    write_pages(tmp_path)
    check_pages(tmp_path)
    assert "No results yet." in (tmp_path / "docs" / "results.md").read_text()
    assert "No results yet." in (tmp_path / "README.md").read_text()


def test_honest_and_leaky_figures_stand_in_different_tables(checkout: Path) -> None:
    page = (checkout / "docs" / "results.md").read_text()
    honest, leaky = part(page, "## Unseen speakers"), part(page, "## Seen speakers")
    assert "`emobox-ravdess`" in honest
    assert "`seed-ravdess`" not in honest
    assert "`seed-ravdess`" in leaky
    assert "`emobox-ravdess`" not in leaky
    assert "Not comparable with the table above" in leaky


def test_our_row_states_the_figures_of_its_summary(checkout: Path) -> None:
    one = read_results(checkout / "results" / "emobox-ravdess" / "weak")
    page = (checkout / "docs" / "results.md").read_text()
    [row] = [line for line in part(page, "## Unseen speakers").splitlines() if line.startswith("| **weak**")]
    low, high = one.summary["intervals"]["uar"]
    assert f"| **{bare(one.figure('uar'))}** | {bare(low)}–{bare(high)} | {bare(one.figure('accuracy'))} |" in row


def test_our_row_states_size_and_speed_where_they_are_known(checkout: Path) -> None:
    [row] = [
        line
        for line in results_page(find_results(checkout / "results"), checkout).splitlines()
        if "| **weak** |" in line and "emobox" in line
    ]
    assert row.startswith("| **weak** | 47 k | `emobox-ravdess` |")  # as the other result of the same model says
    assert row.endswith("| 2 | 4.2 | – |")
    (checkout / "benchmarks").mkdir()
    (checkout / "benchmarks" / "model.json").write_text('{"models": {"weak": {"seconds_per_second": 61.26}}}')
    with pytest.raises(CorpusError, match=r"results\.md: out of date"):
        check_pages(checkout)
    write_pages(checkout)
    assert "| 4.2 | 61 |" in (checkout / "docs" / "results.md").read_text()


def test_the_ladder_has_a_section_and_is_in_no_other_table(
    made: Path, make_results: Callable[..., Results], ladder_results: list[Results]
) -> None:
    page = results_page(ladder_results, made)
    for title in ("## Unseen speakers", "## Seen speakers", "## Each result"):
        assert "ladder-" not in part(page, title)
    assert "| no leakage: split by speaker |" in part(page, "## The leak ladder")
    assert "on ladder-" not in page


def test_a_checkout_with_the_default_model_has_a_card_and_its_picture(checkout: Path) -> None:
    weights = checkout / "src" / "hearfelt" / "weights"
    weights.mkdir(parents=True)
    (weights / f"{DEFAULT_MODEL}.onnx").symlink_to(model_path(DEFAULT_MODEL))
    with pytest.raises(CorpusError, match=r"MODEL_CARD\.md: out of date at line 1"):
        check_pages(checkout)
    (checkout / "results").unlink()
    (checkout / "results").mkdir()
    for protocol in ("emobox-ravdess", "unheard-ravdess"):
        own = REPOSITORY / "results" / protocol / DEFAULT_MODEL
        if own.is_dir():
            (checkout / "results" / protocol).mkdir()
            (checkout / "results" / protocol / DEFAULT_MODEL).symlink_to(own)
    written = write_pages(checkout)
    assert checkout / "MODEL_CARD.md" in written
    assert (checkout / "docs" / "pictures" / "reliability.png") in written
    check_pages(checkout)
    card = checkout / "MODEL_CARD.md"
    card.write_text(card.read_text().replace("prohibited", "fine"))
    with pytest.raises(CorpusError, match=r"MODEL_CARD\.md: out of date at line"):
        check_pages(checkout)


def test_rows_are_sorted_from_the_majority_baseline_to_the_best(checkout: Path) -> None:
    page = (checkout / "docs" / "results.md").read_text()
    rows = [line.split(" | ") for line in part(page, "## Unseen speakers").splitlines() if line.startswith("| ")][1:]
    scores = [float(re.sub(r"[*–|\s].*", "", cells[3].strip("*")) or cells[5].split(" ")[0]) for cells in rows]
    assert scores == sorted(scores)
    assert rows[0][0] == "| always the most frequent emotion"
    assert (rows[0][3], rows[0][5]) == ("12.5", "13.3")


def test_the_classification_report_is_that_of_scikit_learn(checkout: Path) -> None:
    one = read_results(checkout / "results" / "seed-ravdess" / "weak-7")
    evaluation = one.evaluation
    reference = classification_report(
        evaluation.truth, evaluation.predicted, target_names=evaluation.emotions, output_dict=True
    )
    shown = part((checkout / "docs" / "results.md").read_text(), "### weak-7 on seed-ravdess")
    for emotion in EMOTIONS[1:]:
        figures = reference[emotion]
        cells = [bare(figures[name]) for name in ("precision", "recall", "f1-score")]
        assert f"| {emotion} | {' | '.join(cells)} | {figures['support'] / 2:.0f} |" in shown
    for name, row in (("macro avg", "*mean of the emotions*"), ("weighted avg", "*mean of the clips*")):
        cells = [bare(reference[name][column]) for column in ("precision", "recall", "f1-score")]
        assert f"| {row} | {' | '.join(cells)} | 453 |" in shown


def test_the_dropped_emotion_is_named_and_in_no_row(checkout: Path) -> None:
    page = (checkout / "docs" / "results.md").read_text()
    assert "**weak-7**, 7 emotions, without neutral" in part(page, "## Seen speakers")
    assert "neutral" not in part(page, "### weak-7 on seed-ravdess")


def test_a_result_without_an_emotion_is_not_set_beside_those_with_eight(
    made: Path, make_results: Callable[..., Results], tmp_path: Path
) -> None:
    make_results(tmp_path, "emobox-ravdess", "easy", 3.0, drop=("neutral",))
    page = results_page(find_results(tmp_path), made)
    assert "easy" not in part(page, "## Unseen speakers")
    assert "| **easy** | `emobox-ravdess` | ravdess (1,344 clips) | 7 |" in page


def test_the_readme_s_block_is_written_between_its_marks(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text()
    assert readme.startswith(f"# mine\n\n{BEGIN}\n| model |")
    assert readme.endswith(f"{END}\n\nThe rest.\n")
    rows = re.findall(r"^\| (weak[^|]*) \|", readme, flags=re.MULTILINE)
    assert rows == ["weak, 8 emotions", "weak-7, 7 emotions"]
    assert readme_block(find_results(checkout / "results")) in readme


def test_a_changed_page_is_stale_with_its_line(checkout: Path) -> None:
    page = checkout / "docs" / "results.md"
    page.write_text(page.read_text().replace("## Unseen speakers", "## Heroes"))
    with pytest.raises(CorpusError, match=r"results\.md: out of date at line \d+ \('## Heroes"):
        check_pages(checkout)


def test_a_changed_figure_in_the_readme_s_block_is_stale(checkout: Path) -> None:
    readme = checkout / "README.md"
    readme.write_text(re.sub(r"\*\*\d\d\.\d\*\*", "**99.9**", readme.read_text()))
    with pytest.raises(CorpusError, match=r"README\.md: out of date at line"):
        check_pages(checkout)


def test_a_figure_in_the_readme_that_no_result_gives_is_refused(checkout: Path) -> None:
    readme = checkout / "README.md"
    readme.write_text(readme.read_text() + "Others reach 75.3 %.\n")
    check_pages(checkout)  # it stands in the page, as an anchor
    readme.write_text(readme.read_text() + "We reach 97.31 %.\n")
    with pytest.raises(CorpusError, match=r"README\.md: 97\.31 % is not in docs/results\.md"):
        check_pages(checkout)


def test_a_page_that_is_missing_is_stale(checkout: Path) -> None:
    (checkout / "docs" / "results.md").unlink()
    with pytest.raises(CorpusError, match="out of date at line 1"):
        check_pages(checkout)


@pytest.mark.parametrize("text", [BEGIN, END, END + BEGIN, BEGIN + END + BEGIN])
def test_marks_that_are_no_pair_are_refused(checkout: Path, text: str) -> None:
    (checkout / "README.md").write_text(text)
    with pytest.raises(CorpusError, match="once each, in this order"):
        write_pages(checkout)


def test_a_readme_without_marks_is_left_alone(checkout: Path) -> None:
    (checkout / "README.md").write_text("# mine\n")
    assert write_pages(checkout) == [checkout / "docs" / name for name in ("results.md", "unfamiliar-sound.md")]
    assert (checkout / "README.md").read_text() == "# mine\n"


def test_every_published_figure_of_others_has_a_number_and_those_with_a_name_a_source() -> None:
    anchors = read_anchors(REPOSITORY / "docs" / "anchors.toml")
    assert {anchor.table for anchor in anchors} == {"unseen", "seen"}
    assert all(anchor.uar or anchor.accuracy for anchor in anchors)
    assert all(anchor.source.startswith("https://") for anchor in anchors if anchor.parameters)


def test_damaged_anchors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchors.toml"
    path.write_text('[[anchor]]\ntable = "unseen"\nsystem = "x"\nprotocol = "y"\nuaar = "1"\n')
    with pytest.raises(CorpusError, match="uaar"):
        read_anchors(path)


def test_the_repository_s_own_pages_are_fresh() -> None:
    if not (REPOSITORY / "docs" / "results.md").is_file():
        pytest.skip("docs/results.md is not written yet")
    check_pages(REPOSITORY)


RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory, make_results: Callable[..., Results]) -> list[Results]:
    home = tmp_path_factory.mktemp("results")
    return [make_results(home, protocol, "weak", 0.8) for protocol in ("seed-ravdess", "emobox-ravdess")]


def test_what_is_written_is_read_back(weak: list[Results], ladder_results: list[Results]) -> None:
    known = measured([*weak, *ladder_results], {"weak"})
    assert known.ladder is not None
    assert read_scores(measured_text(known)) == known


def test_the_honest_figures_of_a_model_come_first(weak: list[Results]) -> None:
    assert [one.protocol for one in measured(weak, {"weak"}).of("weak")] == ["emobox-ravdess", "seed-ravdess"]


def test_figures_are_those_of_the_summary(weak: list[Results]) -> None:
    [_, leaky] = measured(weak, {"weak"}).of("weak")
    assert (leaky.uar, leaky.calibration_error) == (pytest.approx(weak[0].figure("uar")), weak[0].summary["ece"])
    assert leaky.uar_ends == weak[0].interval("uar")
    assert sum(map(sum, leaky.confusion)) == len(weak[0].evaluation) == sum(bin.count for bin in leaky.reliability)


def test_a_row_of_shares_adds_up_and_what_is_confused_is_no_diagonal(weak: list[Results]) -> None:
    [one, _] = measured(weak, {"weak"}).of("weak")
    assert all(sum(row) == pytest.approx(1) for row in one.shares())
    confused = one.most_confused(3)
    assert all(truth != answer for truth, answer, _ in confused)
    assert confused[0][2] == max(
        share for row, shares in enumerate(one.shares()) for column, share in enumerate(shares) if row != column
    )


def test_models_that_are_not_shipped_stay_out(weak: list[Results]) -> None:
    assert measured(weak, {"other"}).measurements == ()
    assert measured(weak, {"other"}).ladder is None


def test_what_comes_with_the_package_is_what_the_results_say() -> None:
    if not RESULTS.is_dir():
        pytest.skip("only a checkout has results/")
    known = measured(find_results(RESULTS), shipped_models())
    assert read_scores() == known, "make docs writes it anew"
    assert {one.model for one in known.measurements} == set(shipped_models())


def test_how_often_sure_answers_were_right_is_counted_from_all_of_them(weak: list[Results]) -> None:
    [one, _] = measured(weak, {"weak"}).of("weak")
    confidences, correct = weak[1].evaluation.confidences, weak[1].evaluation.correct
    among = (confidences > 0.3) & (confidences <= 0.5)
    count, share = one.right_between(0.3, 0.5)
    assert count == among.sum() > 0
    assert share == pytest.approx(correct[among].mean(), abs=1e-5)
    assert one.right_between(0.5, 0.5) == (0, 0)
