from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hearfelt.corpora.catalog import read_corpus
from hearfelt.errors import ModelError
from hearfelt.finetuning.base_model import (
    FEATURES,
    SETTINGS,
    Head,
    Setting,
    base_features,
    fit_heads,
    load_base,
    with_features_output,
    with_head,
    with_metadata,
)
from hearfelt.inference.card import CARD_KEY, ModelCard
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.session import Session
from hearfelt.runtime.cache import Cache

Maker = Callable[..., bytes]
TONES, LABELS = 16, 8  # of the model in conftest.py
CARD = ModelCard("taught", "0", ("calm", "sad", "my_dog"), "sound")
VOICE = np.sin(np.arange(16_000) / 9).astype(np.float32)[None]


def head_of(dimensions: int, classes: int = 3, *, base_weight: bool = True) -> Head:
    generator = np.random.default_rng(0)
    slopes = generator.normal(0, 1, (dimensions, classes))
    slopes[TONES:] *= base_weight
    return Head(slopes, generator.normal(0, 1, classes))


def finished(model: bytes) -> bytes:
    made = with_metadata(model, {CARD_KEY: CARD.to_json()})
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    return made


def outputs(model: bytes) -> dict[str, np.ndarray]:
    session = Session(model, threads=1)
    return {name: session.run([name], {"samples": VOICE})[0][0] for name in session.outputs}


def test_embedding_and_answers_stand_side_by_side(make_sound_model: Maker) -> None:
    given = outputs(with_features_output(make_sound_model(), TONES + LABELS))
    assert given[FEATURES].tolist() == [*given["embedding"], *given["logits"]]


@pytest.mark.parametrize("base_weight", [True, False])
def test_the_file_answers_as_the_head_does(make_sound_model: Maker, base_weight: bool) -> None:
    base = make_sound_model()
    row = outputs(with_features_output(base, TONES + LABELS))[FEATURES]
    head = head_of(TONES + LABELS, base_weight=base_weight)
    given = outputs(finished(with_head(base, head, embedding_size=TONES)))
    assert list(given) == ["logits", "embedding"]
    assert given["logits"] == pytest.approx(head.logits(row), rel=1e-5, abs=1e-5)
    assert given["embedding"].tolist() == row[:TONES].tolist()


def test_what_the_new_head_does_not_need_is_left_out(make_sound_model: Maker) -> None:
    base = make_sound_model()
    without = onnx.load_from_string(with_head(base, head_of(TONES + LABELS, base_weight=False), embedding_size=TONES))
    names = {one.name for one in without.graph.initializer}
    assert "weights" not in names
    assert "waves" in names
    with_trust = onnx.load_from_string(with_head(base, head_of(TONES + LABELS), embedding_size=TONES))
    assert "weights" in {one.name for one in with_trust.graph.initializer}


def test_all_else_stays_as_it_is(make_sound_model: Maker) -> None:
    before = onnx.load_from_string(make_sound_model())
    after = onnx.load_from_string(with_head(make_sound_model(), head_of(TONES + LABELS), embedding_size=TONES))
    assert after.opset_import == before.opset_import
    assert after.ir_version == before.ir_version
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.node)[: len(before.graph.node) - 1] == list(before.graph.node)[:-1]
    assert after.metadata_props == before.metadata_props


def test_a_taught_model_can_be_taught_again(make_sound_model: Maker) -> None:
    first = finished(with_head(make_sound_model(), head_of(TONES + LABELS), embedding_size=TONES))
    row = outputs(with_features_output(first, TONES + 3))[FEATURES]
    head = head_of(TONES + 3, 4)
    again = with_head(first, head, embedding_size=TONES)
    onnx.checker.check_model(onnx.load_from_string(again), full_check=True)
    assert outputs(again)["logits"] == pytest.approx(head.logits(row), rel=1e-5, abs=1e-5)


def test_texts_are_replaced_as_a_whole(make_sound_model: Maker) -> None:
    made = with_metadata(make_sound_model(), {CARD_KEY: CARD.to_json(), "note": "ü"})
    assert Session(made, threads=1).metadata == {CARD_KEY: CARD.to_json(), "note": "ü"}


def test_the_result_is_a_model_everywhere(make_sound_model: Maker) -> None:
    made = finished(with_head(make_sound_model(), head_of(TONES + LABELS), embedding_size=TONES))
    recognizer = Recognizer(made, threads=1)
    assert set(recognizer.recognize(VOICE[0], 16_000).probabilities) == {"calm", "sad", "my_dog"}
    assert recognizer.embed(VOICE[0], 16_000).shape == (TONES,)


def test_a_taught_model_takes_no_reference(make_sound_model: Maker) -> None:
    base = make_sound_model(takes_reference=True)
    made = finished(with_head(base, head_of(TONES + LABELS), embedding_size=TONES))
    recognizer = Recognizer(made, threads=1)
    assert not recognizer.takes_reference
    plain = finished(with_head(make_sound_model(), head_of(TONES + LABELS), embedding_size=TONES))
    expected = Recognizer(plain, threads=1).logits(VOICE[0], 16_000)
    np.testing.assert_allclose(recognizer.logits(VOICE[0], 16_000), expected, atol=1e-5)


def with_branch(condition_uses_logits: bool) -> bytes:
    """A graph whose embedding comes out of an ``If``, which takes its tensors from outside itself."""
    outside = "logits" if condition_uses_logits else "doubled"

    def branch(name: str) -> onnx.GraphProto:
        node = helper.make_node("Identity", [outside], [f"{name}_out"])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(f"{name}_out", 1, [1, 2])])

    nodes = [
        helper.make_node("ReduceMean", ["samples"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["mean", "mean"], ["logits"], axis=1),
        helper.make_node("Concat", ["mean", "mean"], ["doubled"], axis=1),
        helper.make_node("If", ["yes"], ["embedding"], then_branch=branch("one"), else_branch=branch("other")),
    ]
    graph = helper.make_graph(
        nodes,
        "branched",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "n"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("logits", "embedding")],
        [numpy_helper.from_array(np.array(True), "yes")],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def test_what_a_graph_inside_the_graph_takes_is_kept() -> None:
    head = Head(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [0.0, 0.0]]), np.array([0.5, 0.0]))
    given = outputs(with_head(with_branch(False), head, embedding_size=2))
    mean = float(VOICE.mean())
    assert given["logits"] == pytest.approx([mean + 0.5, 2 * mean], abs=1e-6)


def test_logits_used_inside_a_graph_within_are_refused() -> None:
    with pytest.raises(ModelError, match="in a graph inside its graph; another base is wanted"):
        with_head(with_branch(True), Head(np.zeros((4, 2)), np.zeros(2)), embedding_size=2)


def test_a_row_is_what_the_recognizer_says_of_the_clip(sound_model: Path, toy: Path) -> None:
    base, clips = load_base(sound_model), read_corpus(toy)[:4]
    assert (base.embedding_size, base.dimensions) == (16, 24)
    features = base_features(base, clips, cache=Cache(None))
    recognizer = Recognizer.load(sound_model, threads=1)
    for row, clip in zip(features.rows, clips, strict=True):
        wanted = np.concatenate([recognizer.embed(clip.path), recognizer.logits(clip.path)])
        assert row == pytest.approx(wanted, abs=1e-6)


def test_what_was_computed_before_is_remembered(sound_model: Path, toy: Path, tmp_path: Path) -> None:
    base, clips, cache = load_base(sound_model), read_corpus(toy)[:4], Cache(tmp_path / "cache.sqlite")
    speaker_of: list[int] = []
    first = base_features(base, clips, cache=cache, progress=speaker_of.append)
    assert [one for one in speaker_of if one] == [1, 1, 1, 1]
    speaker_of.clear()
    again = base_features(base, clips, cache=cache, progress=speaker_of.append)
    assert speaker_of == [4]
    assert again.rows.tolist() == first.rows.tolist()


def test_a_clip_that_cannot_be_read_is_named_and_the_others_stay(sound_model: Path, toy: Path, tmp_path: Path) -> None:
    clips = read_corpus(toy)[:3]
    broken = replace(clips[1], root=tmp_path, name="broken.wav")
    broken.path.write_bytes(b"RIFF")
    features = base_features(load_base(sound_model), [clips[0], broken, clips[2]], cache=Cache(None))
    assert len(features.rows) == 2
    assert list(features.failed) == [broken]
    assert "broken.wav" in features.failed[broken]


def test_a_clip_at_which_a_process_dies_is_named_and_the_others_stay(
    sound_model: Path, toy: Path, dies_at: Callable[[str], None]
) -> None:
    clips = read_corpus(toy)[:3]
    dies_at(clips[1].path.name)
    features = base_features(load_base(sound_model), clips, cache=Cache(None))
    assert len(features.rows) == 2
    assert list(features.failed) == [clips[1]]
    assert "SIGSEGV" in features.failed[clips[1]]


@pytest.mark.parametrize("base", ["svm", "classic"])
def test_a_base_on_features_is_refused(base: str) -> None:
    with pytest.raises(ModelError, match=f"{base}: it takes 162 features and has no embedding to build on"):
        load_base(base)


def test_a_base_that_is_not_there_is_told(tmp_path: Path) -> None:

    with pytest.raises(ModelError, match="there is no such model file"):
        load_base(tmp_path / "no.onnx")


def clouds(rows: int, dimensions: int, classes: int = 3, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    middles = generator.normal(0, 2, (classes, dimensions))
    return middles[labels] + generator.normal(0, 1, (rows, dimensions)) * generator.uniform(0.1, 9, dimensions), labels


@pytest.mark.parametrize(("rows", "dimensions"), [(60, 5), (30, 80)])
def test_it_answers_as_the_discriminant_of_scikit_learn(rows: int, dimensions: int) -> None:
    features, labels = clouds(rows, dimensions)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    means = np.stack([scaled[labels == label].mean(axis=0) for label in range(3)])
    centred = scaled - means[labels]
    shrinkage = 0.7
    least = np.square(centred).sum() / centred.size
    covariance = centred.T @ centred / rows
    precision = np.linalg.inv(covariance + shrinkage * least * np.eye(dimensions))
    wanted = scaled @ precision @ means.T - 0.5 * np.einsum("kd,de,ke->k", means, precision, means)
    (head,) = fit_heads(features, labels, 3, embedding_size=dimensions, settings=[Setting(shrinkage, 0.0)])
    assert head.logits(features) == pytest.approx(wanted, abs=1e-8)
    # scikit-learn mixes the covariance with its diagonal's mean instead of adding that: the same but for a factor.
    reference = LinearDiscriminantAnalysis("lsqr", shrinkage=0.4, priors=np.full(3, 1 / 3)).fit(scaled, labels)
    (alike,) = fit_heads(features, labels, 3, embedding_size=dimensions, settings=[Setting(0.4 / 0.6, 0.0)])
    assert np.mean(alike.logits(features).argmax(axis=1) == reference.predict(scaled)) > 0.95


def test_each_setting_gives_the_head_that_it_would_give_alone() -> None:
    features, labels = clouds(40, 12)
    heads = fit_heads(features, labels, 3, embedding_size=9)
    for head, setting in zip(heads, SETTINGS, strict=True):
        (alone,) = fit_heads(features, labels, 3, embedding_size=9, settings=[setting])
        assert head.slopes == pytest.approx(alone.slopes, abs=1e-12)


def test_without_trust_the_answers_of_the_base_count_for_nothing() -> None:
    features, labels = clouds(40, 12)
    (head,) = fit_heads(features, labels, 3, embedding_size=9, settings=[Setting(1.0, 0.0)])
    assert not head.slopes[9:].any()


def test_with_trust_the_answers_of_the_base_count_for_more_than_as_many_other_numbers() -> None:
    generator = np.random.default_rng(3)
    labels = np.arange(30) % 3
    noise = generator.normal(0, 1, (30, 60))
    features = np.concatenate([noise, np.eye(3)[labels] + generator.normal(0, 0.4, (30, 3))], axis=1)
    test = np.concatenate([generator.normal(0, 1, (300, 60)), np.repeat(np.eye(3), 100, axis=0)], axis=1)
    little, much = fit_heads(features, labels, 3, embedding_size=60, settings=[Setting(1.0, 1.0), Setting(1.0, 30.0)])
    truth = np.repeat(np.arange(3), 100)
    right = [np.mean(head.logits(test).argmax(axis=1) == truth) for head in (little, much)]
    assert right[1] > right[0]


def test_the_scale_of_the_numbers_does_not_matter() -> None:
    features, labels = clouds(40, 6)
    setting = [Setting(1.0, 0.0)]
    (one,) = fit_heads(features, labels, 3, embedding_size=6, settings=setting)
    (other,) = fit_heads(features * 1000 + 5, labels, 3, embedding_size=6, settings=setting)
    assert other.logits(features * 1000 + 5) == pytest.approx(one.logits(features), abs=1e-6)


def test_a_label_without_clips_is_never_answered() -> None:
    features, labels = clouds(40, 6, 2)
    (head,) = fit_heads(features, labels * 2, 3, embedding_size=6, settings=[Setting(1.0, 0.0)])
    assert set(head.logits(features).argmax(axis=1).tolist()) == {0, 2}


@pytest.mark.parametrize("features", [np.zeros((6, 3)), np.tile([[1.0, 5.0, 5.0]], (6, 1)), np.eye(6)[:, :3]])
def test_numbers_that_never_change_are_no_obstacle(features: np.ndarray) -> None:
    heads = fit_heads(features, np.array([0, 1, 2, 0, 1, 2]), 3, embedding_size=2)
    assert all(np.isfinite(head.logits(features + 1)).all() for head in heads)
