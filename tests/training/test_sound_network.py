"""Training a network that takes sound: what each head may be trained on, and the way from clips to a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError, ModelError
from hearfelt.evaluation.calibration import log_softmax
from hearfelt.inference.recognizer import Recognizer
from hearfelt.inference.reference import prior_logits, reference_weight, variety
from hearfelt.models.sound_network import LIMITS, WINDOW_S
from hearfelt.training import heads as heads_module
from hearfelt.training import sound_network as module
from hearfelt.training.augmented_copies import ORIGINAL, Variant
from hearfelt.training.clip_statistics import ClipStatistics, EncoderFiles, extract_statistics
from hearfelt.training.heads import RowReference, predict_statistics
from hearfelt.training.loop import EpochRow, read_checkpoint, read_curves
from hearfelt.training.recipe import Recipe, recipe_of
from hearfelt.training.sound_network import HeadTrainer, _encoder_maker, held_out_groups, prepare_statistics
from hearfelt.training.trainer import FLOAT_MODEL, MODEL, RUN, train_model
from hearfelt.training.training_set import EncoderSource, TrainingSet, variants_of

EMOTIONS = ("calm", "happy", "angry")
DIMENSIONS = 30
Voice = Callable[[Clip, Variant], np.ndarray]


def clips_of(corpus: str, speakers: str, channel: str = "speech", emotions: tuple[str, ...] = EMOTIONS[::2]) -> Clips:
    return Clips(
        Clip(
            corpus,
            Path("nowhere") / corpus,
            f"{channel}/{speaker}-{emotion}-{take}.wav",
            f"{corpus}/{speaker}",
            emotion,
            channel=channel,
        )
        for speaker in speakers
        for emotion in emotions
        for take in "12"
    )


SPEECH, SONG, TEST = clips_of("ravdess", "abcd"), clips_of("ravdess", "abcd", "song"), clips_of("ravdess", "t")
EMODB, SAVEE = clips_of("emodb", "xyz", emotions=EMOTIONS), clips_of("savee", "m")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Small heads and few epochs, with everything that a recipe has."""
    heads = {
        "groups": 2,
        "count": 2,
        "epochs": 3,
        "batch": 8,
        "hidden": 8,
        "components": 8,
        "target_weight": 3.0,
        "other_channel_weight": 0.25,
        "degraded_weight": 0.5,
        "speed_weight": 0.75,
        "learning_rate": 1e-2,
        "mixup": 0.0,
        "reference_clips": 3,
        "shrinkage": 5.0,
    }
    return recipe_of({"name": "mine", "network": "hearfelt", "heads": heads})


def training_set(**changes: object) -> TrainingSet:
    source = {name: changes.pop(name) for name in ("by", "same_sound", "stands_in") if name in changes}
    made = TrainingSet(
        EMOTIONS,
        Clips([*SPEECH, *SONG, *EMODB, *SAVEE]),
        Clips(),
        EncoderSource(SPEECH, **source),  # type: ignore[arg-type]
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def by_emotion(clip: Clip, variant: Variant) -> np.ndarray:
    """Statistics in which the emotion is, the same for every speaker, and noise of its own."""
    generator = np.random.default_rng(list(f"{clip.corpus}{clip.name}{variant}".encode()))
    direction = np.random.default_rng(EMOTIONS.index(clip.emotion)).normal(size=DIMENSIONS)
    return 3 * direction + generator.normal(size=DIMENSIONS)


def trainer(
    recipe: Recipe, folder: Path, of: TrainingSet | None = None, *, key: str = "key", voice: Voice = by_emotion
) -> HeadTrainer:
    of = of or training_set()
    clips, variants = (tuple(one) for one in zip(*variants_of(recipe, of), strict=True))
    values = np.stack([voice(clip, variant) for clip, variant in zip(clips, variants, strict=True)])
    return HeadTrainer(recipe, of, ClipStatistics(clips, variants, values.astype(np.float16)), folder, key)


Weights = Mapping[tuple[Clip, Variant], float]


def weights_of(recipe: Recipe, of: TrainingSet, held_out: Clips) -> Weights:
    one = trainer(recipe, Path("nowhere"), of)
    return dict(zip(zip(one.clips, one.variants, strict=True), one.sampling_weights(held_out).tolist(), strict=True))


def total(weights: Weights, clips: Clips) -> float:
    return sum(weight for (clip, _), weight in weights.items() if clip in set(clips))


def least(weights: Weights, clips: Clips) -> float:
    return min(weight for (clip, _), weight in weights.items() if clip in set(clips))


def arrays_of(folder: Path, name: str) -> dict[str, np.ndarray]:
    stored = read_checkpoint(folder / f"{name}.npz")
    assert stored is not None
    return stored.arrays


def equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


# Groups


def test_groups_are_of_speakers_and_of_whole_other_corpora_with_several_emotions() -> None:
    read = clips_of("read", "pq", emotions=("calm",))
    of = training_set(train=Clips([*training_set().train, *read]))
    first, second, *others = held_out_groups(of, 2, seed=0)
    assert sorted(clip.name for clip in (*first, *second)) == sorted(clip.name for clip in SPEECH)
    assert not set(first.speakers) & set(second.speakers)
    assert [set(one) for one in others] == [set(EMODB), set(SAVEE)]
    assert held_out_groups(of, 2, seed=0)[0] == first


def test_where_clips_are_divided_groups_have_all_speakers_and_emotions() -> None:
    groups = held_out_groups(training_set(by="clip"), 3, seed=0)[:3]
    assert sorted(clip.name for group in groups for clip in group) == sorted(clip.name for clip in SPEECH)
    assert all(len(group.emotions) == 2 for group in groups)
    assert held_out_groups(training_set(by="clip"), 3, seed=1)[:3] != groups


def test_more_groups_than_speakers_are_refused() -> None:
    with pytest.raises(CorpusError, match="4 speakers are there; 5 folds need at least 5"):
        held_out_groups(training_set(), 5, seed=0)


def test_a_target_that_stands_in_is_left_out_as_a_whole_too(recipe: Recipe, tmp_path: Path) -> None:
    of = training_set(stands_in=True)
    groups = held_out_groups(of, 2, seed=0)
    assert [set(one) for one in groups[2:]] == [set(EMODB), set(SAVEE), set(SPEECH)]
    one = trainer(recipe, tmp_path, of)
    head = one.head("head", one.sampling_weights(groups[-1]), groups[-1], seed=0).head
    found = [one.held_out(head, None, group) for group in groups]
    assert [row.is_outside for row in found] == [False, False, True, True, True]
    assert len({row.kind for row in found}) == 4  # the first two are of one kind


# Sampling weights


def test_a_held_out_speaker_is_never_drawn_speaking_singing_or_changed(recipe: Recipe) -> None:
    group = SPEECH.where(speaker=("ravdess/a", "ravdess/b"))
    weights = weights_of(recipe, training_set(), group)
    assert {variant for clip, variant in weights if clip in set(group)} == {
        Variant(),
        Variant(0.9),
        Variant(1.1),
        Variant(degraded=True),
    }
    assert total(weights, Clips([*SPEECH, *SONG]).where(speaker=group.speakers)) == 0.0
    assert least(weights, Clips([*SPEECH, *SONG]).without(speaker=group.speakers)) > 0.0


def test_a_held_out_corpus_is_never_drawn(recipe: Recipe) -> None:
    weights = weights_of(recipe, training_set(), EMODB)
    assert total(weights, EMODB) == 0.0
    assert least(weights, Clips([*SPEECH, *SONG, *SAVEE])) > 0.0


def test_with_nobody_held_out_everything_is_drawn(recipe: Recipe) -> None:
    assert min(weights_of(recipe, training_set(), Clips()).values()) > 0.0


def test_the_same_sound_under_another_name_is_not_drawn(recipe: Recipe) -> None:
    group = SPEECH.where(speaker="ravdess/a")
    twins = ((group[0], EMODB[0]), (SONG.where(speaker="ravdess/b")[0], group[1]), (SAVEE[0], SAVEE[1]))
    weights = weights_of(recipe, training_set(same_sound=twins), group)
    assert total(weights, Clips([EMODB[0], twins[1][0]])) == 0.0
    assert total(weights, Clips([SAVEE[0]])) > 0.0  # copies of each other, and of nothing held out


def test_where_clips_are_divided_only_those_clips_are_held_out(recipe: Recipe) -> None:
    group = SPEECH[::4]
    weights = weights_of(recipe, training_set(by="clip"), group)
    assert total(weights, group) == 0.0
    rest = Clips(clip for clip in SPEECH if clip not in set(group))
    assert set(rest.speakers) == set(group.speakers)
    assert least(weights, rest) > 0.0


def test_of_test_clips_only_changed_copies_are_drawn(recipe: Recipe) -> None:
    leaky = training_set(by="clip", leaked=TEST, validation=TEST)
    weights = weights_of(recipe, leaky, SPEECH[:2])
    for clip in TEST:
        assert weights[clip, Variant()] == 0.0
        assert weights[clip, Variant(0.9)] == weights[SPEECH[-1], Variant(0.9)] > 0.0
        assert weights[clip, Variant(degraded=True)] > 0.0


def test_clips_that_only_choose_the_epoch_are_never_drawn(recipe: Recipe) -> None:
    weights = weights_of(recipe, training_set(by="clip", validation=TEST), SPEECH[:2])
    assert {weights[clip, Variant()] for clip in TEST} == {0.0}


def test_song_and_copies_are_drawn_as_often_as_the_recipe_says(recipe: Recipe) -> None:
    weights = weights_of(recipe, training_set(), Clips())
    original = weights[SPEECH[0], Variant()]
    assert weights[SPEECH[0], Variant(1.1)] == pytest.approx(0.75 * original)
    assert weights[SPEECH[0], Variant(degraded=True)] == pytest.approx(0.5 * original)
    assert weights[SONG[0], Variant()] == pytest.approx(0.25 * original)
    assert weights[SONG[0], Variant(degraded=True)] == pytest.approx(0.125 * original)
    far = weights[EMODB[0], Variant()]
    assert weights[EMODB[0], Variant(degraded=True)] == pytest.approx(0.5 * far)


@pytest.mark.parametrize("held_out", [Clips(), SPEECH[:4]])
def test_corpora_are_drawn_alike_and_the_target_more_often(
    recipe: Recipe, held_out: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLIPS_FOR_FULL_SHARE", 4)
    weights = weights_of(recipe, training_set(), held_out)
    assert total(weights, EMODB) == pytest.approx(total(weights, SAVEE))
    assert total(weights, Clips([*SPEECH, *SONG])) == pytest.approx(3.0 * total(weights, SAVEE))


def test_a_target_that_stands_in_is_drawn_as_often_as_other_corpora_and_has_no_discriminant(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLIPS_FOR_FULL_SHARE", 4)
    of = training_set(stands_in=True)
    weights = weights_of(recipe, of, Clips())
    assert total(weights, Clips([*SPEECH, *SONG])) == pytest.approx(total(weights, SAVEE))
    own = trainer(recipe, tmp_path)
    assert own.discriminant(own.sampling_weights(Clips())) is not None
    one = trainer(recipe, tmp_path, of)
    assert one.discriminant(one.sampling_weights(Clips())) is None


def test_a_small_corpus_is_drawn_less_often(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLIPS_FOR_FULL_SHARE", len(EMODB))
    weights = weights_of(recipe, training_set(), Clips())
    assert total(weights, SAVEE) / total(weights, EMODB) == pytest.approx(len(SAVEE) / len(EMODB))
    assert total(weights, Clips([*SPEECH, *SONG])) == pytest.approx(3.0 * total(weights, EMODB))


# Heads


@pytest.fixture(scope="module")
def folder(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the heads of all groups and of the model were trained, on statistics made up."""
    made = tmp_path_factory.mktemp("heads")
    train_heads(trainer(recipe, made))
    return made


def train_heads(one: HeadTrainer) -> None:
    for number, group in enumerate(held_out_groups(one.training_set, 2, seed=0)):
        one.head(f"group{number}", one.sampling_weights(group), group, seed=number)
    for number in range(2):
        one.head(f"head{number}", one.sampling_weights(Clips()), SPEECH, seed=100 + number)


def test_projection_and_scaler_are_fitted_to_training_clips_as_recorded(recipe: Recipe, tmp_path: Path) -> None:
    one = trainer(recipe, tmp_path, training_set(validation=TEST))
    own = one.is_original & ~np.isin([clip.speaker for clip in one.clips], TEST.speakers)
    assert int(own.sum()) == len(SPEECH) + len(SONG) + len(EMODB) + len(SAVEE)
    np.testing.assert_allclose(one.rows[own].mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(one.rows[own].std(axis=0), 1.0, atol=1e-3)

    def moved(clip: Clip, variant: Variant) -> np.ndarray:
        return by_emotion(clip, variant) + 9.0 * (clip in set(TEST) or variant != ORIGINAL)

    other = trainer(recipe, tmp_path, training_set(validation=TEST), voice=moved)
    assert torch.equal(one.projection.components, other.projection.components)
    assert torch.equal(one.scaler.mean, other.scaler.mean)


def test_sounds_from_elsewhere_are_projected_as_clips_are(recipe: Recipe, tmp_path: Path) -> None:
    one = trainer(recipe, tmp_path)
    values = np.stack([by_emotion(*pair) for pair in zip(one.clips[:4], one.variants[:4], strict=True)])
    np.testing.assert_allclose(one.project(values.astype(np.float16)), one.rows[:4], atol=1e-5)


def test_a_head_has_never_met_the_group_that_it_predicts(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    """Other statistics for one group, and no other projection: its head stays, bit by bit, and all others change."""
    groups = held_out_groups(training_set(), 2, seed=0)
    for number in (0, 2):
        one = trainer(recipe, tmp_path / str(number))
        (tmp_path / str(number)).mkdir()
        near = set(groups[number].speakers)
        one.rows[[clip.speaker in near for clip in one.clips]] *= -3.0
        train_heads(one)
        there = {path.stem for path in folder.glob("*.npz")}
        assert there == {"group0", "group1", "group2", "group3", "head0", "head1"}
        same = {name for name in there if equal(arrays_of(folder, name), arrays_of(tmp_path / str(number), name))}
        assert same == {f"group{number}"}


def test_held_out_predictions_are_of_the_group_alone_and_know_emotions(recipe: Recipe, folder: Path) -> None:
    one = trainer(recipe, folder)
    for number, group in enumerate(held_out_groups(training_set(), 2, seed=0)):
        weights = one.sampling_weights(group)
        head = one.head(f"group{number}", weights, group, seed=number).head
        found = one.held_out(head, one.discriminant(weights), group)
        assert (found.corpus, found.is_outside) == (group.corpora[0], number > 1)
        assert found.labels.tolist() == [EMOTIONS.index(clip.emotion) for clip in group]
        known = found.labels != EMOTIONS.index("happy")  # which is in one corpus alone
        assert (found.logits.argmax(axis=1) == found.labels)[known].mean() > 0.9
        assert found.reference_logits.shape == found.logits.shape
        assert 0 < found.reference_weight <= 3 / 8  # of 3 recordings, shrunken by 5


def test_the_reference_of_a_held_out_clip_is_of_other_clips_of_its_group(
    recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, made = trainer(recipe, folder), []
    weights = one.sampling_weights(SPEECH[:8])
    head, discriminant = one.head("group0", weights, SPEECH[:8], seed=0).head, one.discriminant(weights)

    kept = one.rows.shape[1]

    def predict(normalized: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        plain = torch.from_numpy(log_softmax(predict_statistics(head, normalized[:, :kept])))
        with torch.inference_mode():
            scores, components = torch.from_numpy(normalized[:, kept:]), torch.from_numpy(scaled[:, :kept])
            return np.asarray(discriminant(plain, scores, components).numpy())

    plain = RowReference.of.__func__  # type: ignore[attr-defined]

    def noted(cls: type[RowReference], rows: np.ndarray, weight: float) -> RowReference:
        made.append((rows, weight, plain(cls, rows, weight)))
        return made[-1][2]

    monkeypatch.setattr(RowReference, "of", classmethod(noted))
    found = one.held_out(head, discriminant, SPEECH[:8])
    indices = np.array([one.index_of[clip] for clip in SPEECH[:8]])
    with torch.inference_mode():
        scores = discriminant.scores(torch.from_numpy(one._standardized(indices))).numpy()
    own = np.concatenate([one.rows[indices], scores], axis=1)
    index_of = {row.tobytes(): index for index, row in enumerate(own)}
    assert len(made) == 2
    settings = recipe.heads.reference
    for rows, weight, reference in made:
        used = {index_of[row.tobytes()] for row in rows}
        assert len(used) == 3
        probabilities = np.exp(log_softmax(predict(rows, rows)))
        assert weight == pytest.approx(reference_weight(3, variety(probabilities), settings))
        prior = weight * prior_logits(probabilities.mean(axis=0), settings)
        with_it = predict(reference.applied(own), own) + prior
        answered = {index for index in range(8) if np.allclose(with_it[index], found.reference_logits[index])}
        assert len(answered) >= 4
        assert not used & answered


def test_the_discriminant_of_a_group_has_not_met_it_either(recipe: Recipe, tmp_path: Path) -> None:
    group = held_out_groups(training_set(), 2, seed=0)[0]
    made = []
    for factor in (1.0, -3.0):
        one = trainer(recipe, tmp_path)
        near = [clip.speaker in group.speakers for clip in one.clips]
        one.rows[near] *= factor
        one._values[near] *= np.float16(factor)
        made += [one.discriminant(one.sampling_weights(some)) for some in (group, Clips())]
    slopes = [one.discriminant.weight for one in made]
    assert torch.equal(slopes[0], slopes[2])
    assert torch.equal(made[0].gate.weight, made[2].gate.weight)
    assert not torch.equal(slopes[1], slopes[3])


def test_a_group_of_one_clip_is_predicted_without_a_reference(recipe: Recipe, folder: Path) -> None:
    one = trainer(recipe, folder)
    head = one.head("head0", one.sampling_weights(Clips()), SPEECH, seed=100).head
    found = one.held_out(head, one.discriminant(one.sampling_weights(Clips())), SAVEE[:1])
    np.testing.assert_array_equal(found.reference_logits, found.logits)
    assert found.reference_weight == 0.0


def test_a_missing_head_is_trained_to_be_the_same_and_others_are_loaded(
    recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = arrays_of(folder, "head1")
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz") if path.stem != "head1"}
    (folder / "head1.npz").unlink()
    train_heads(trainer(recipe, folder))
    assert equal(arrays_of(folder, "head1"), before)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.npz") if path.stem != "head1"} == times
    monkeypatch.setattr(heads_module, "_step", lambda *_: pytest.fail("trained again"))
    one = trainer(recipe, folder)
    loaded = one.head("head1", one.sampling_weights(Clips()), SPEECH, seed=101)
    assert all(np.array_equal(value.numpy(), before[name]) for name, value in loaded.head.state_dict().items())
    assert ([row.epoch for row in loaded.curve], loaded.epoch) == ([1, 2, 3], 3)


def test_heads_of_another_training_are_refused(recipe: Recipe, folder: Path) -> None:
    with pytest.raises(ModelError, match="of another recipe or other clips; delete the folder, or give another one"):
        train_heads(trainer(recipe, folder, key="other"))


def test_the_epoch_is_chosen_on_test_clips_where_a_protocol_says_so(recipe: Recipe, tmp_path: Path) -> None:
    """Test clips with labels that nothing can teach: some early epoch is the best for them."""
    wrong = Clips(replace(clip, emotion="calm" if clip.emotion == "angry" else "angry") for clip in TEST)

    def voice(clip: Clip, variant: Variant) -> np.ndarray:
        true = {"calm": "angry", "angry": "calm"}
        return by_emotion(replace(clip, emotion=true[clip.emotion]) if clip in set(wrong) else clip, variant)

    one = trainer(recipe, tmp_path, training_set(by="clip", validation=wrong), voice=voice)
    trained = one.head("head0", one.sampling_weights(Clips()), SPEECH, seed=0)
    assert trained.epoch < 3
    assert trained.curve[-1].validation_uar <= 0.5


def test_few_training_clips_are_unfamiliar(recipe: Recipe, tmp_path: Path) -> None:
    one = trainer(recipe, tmp_path)
    distances = np.sqrt(np.square(one.rows[one.is_original]).mean(axis=1))
    assert np.median(distances) < one.unfamiliar_above() <= distances.max() < 2 * one.unfamiliar_above()


# From clips to a file


@pytest.fixture(scope="module")
def quick_recipe() -> Recipe:
    """A few epochs of small heads, every clip as it is and degraded."""
    heads = {"groups": 2, "count": 2, "epochs": 2, "batch": 4, "hidden": 8, "components": 8}
    copies = {"speed_change": 0.0, "degraded": True}
    return recipe_of({"name": "mine", "network": "hearfelt", "heads": heads, "copies": copies})


@pytest.fixture(scope="module")
def toy_set(toy_clips: Clips, encoder_files: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Four speakers who are calm or angry, and two of another corpus who are happy as well."""
    target = toy_clips.where(
        speaker=("toy/01", "toy/02", "toy/03", "toy/04"), emotion=("calm", "angry"), repetition="1"
    )
    root = write_toy(tmp_path_factory.mktemp("other"), speakers=2, clips_each=1, seed=3)
    other = Clips(
        replace(clip, corpus="folder", speaker=clip.speaker.replace("toy", "folder"))
        for clip in read_corpus(root, "toy").where(emotion=EMOTIONS)
    )
    return TrainingSet(EMOTIONS, Clips([*target, *other]), Clips(), EncoderSource(target, files=encoder_files))


@pytest.fixture(scope="module")
def run_folder(quick_recipe: Recipe, toy_set: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model was trained without any interruption."""
    made = tmp_path_factory.mktemp("trained") / "run"
    train_model(quick_recipe, toy_set, made, seed=0)
    return made


def test_a_model_comes_out_that_answers_and_takes_a_reference(run_folder: Path, toy_set: TrainingSet) -> None:
    recognizer = Recognizer.load(run_folder / MODEL, threads=1)
    reference = recognizer.reference([clip.path for clip in toy_set.train[:6]])
    for clip in toy_set.train[::5]:
        for prediction in (recognizer.recognize(clip.path), recognizer.recognize(clip.path, reference=reference)):
            assert set(prediction.probabilities) == set(EMOTIONS)
            assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(toy_set.train[0].path).shape == (8,)
    assert len(reference.mean) == 8 + len(EMOTIONS)


def test_its_card_names_its_clips_and_says_how_sure_it_may_be(
    run_folder: Path, toy_set: TrainingSet, quick_recipe: Recipe
) -> None:
    card = Recognizer.load(run_folder / MODEL, threads=1).card
    assert (card.name, card.labels, card.input, card.window_s) == ("mine", EMOTIONS, "sound", WINDOW_S)
    assert card.training_speakers == toy_set.clips.speakers
    assert {corpus: facts["clips"] for corpus, facts in card.corpora.items()} == {"toy": 8, "folder": 6}
    assert card.recipe == quick_recipe.to_dict()
    assert set(LIMITS) <= set(card.limits)
    assert card.parameters > 10_000_000
    assert card.temperature > 0
    assert set(card.reference) == {"shrinkage", "variety_power", "prior_correction", "temperature"}
    assert 0 < card.plausible["0.9"] <= 1
    assert sum(answers for _, _, answers, _ in card.outside["bands"]) == 6  # the clips of the other corpus
    assert card.unfamiliar_above > 0
    assert card.no_speech_below != 0


def test_the_file_in_float32_is_near_and_larger(run_folder: Path, toy_set: TrainingSet) -> None:
    small, large = (Recognizer.load(run_folder / name, threads=1) for name in (MODEL, FLOAT_MODEL))
    assert replace(small.card, known_answer={}) == replace(large.card, known_answer={})
    for clip in toy_set.train[::7]:
        one, other = (each.recognize(clip.path).probabilities for each in (small, large))
        assert dict(one) == pytest.approx(dict(other), abs=0.05)
    assert (run_folder / MODEL).stat().st_size < 0.4 * (run_folder / FLOAT_MODEL).stat().st_size


def test_it_leaves_curves_and_figures_and_no_head(run_folder: Path) -> None:
    assert [row["epoch"] for row in read_curves(run_folder)] == [1, 2]
    run = json.loads((run_folder / RUN).read_text())
    assert run["epoch"] == 2
    assert 0 <= run["validation"]["uar"] <= 1
    assert sorted(path.name for path in run_folder.iterdir()) == sorted([MODEL, FLOAT_MODEL, RUN, "curves.jsonl"])


def test_a_stopped_training_continues_without_training_a_head_twice_and_gives_the_same_file(
    quick_recipe: Recipe, toy_set: TrainingSet, run_folder: Path, tmp_path: Path
) -> None:
    def stop(row: EpochRow) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(quick_recipe, toy_set, tmp_path, seed=0, on_epoch=stop)
    heads = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert {path.stem for path in heads} == {"group0", "group1", "group2", "head0", "head1"}
    assert not (tmp_path / MODEL).exists()
    later: list[dict[Path, int]] = []
    trained = train_model(
        quick_recipe,
        toy_set,
        tmp_path,
        seed=0,
        on_epoch=lambda row: later.append({path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}),
    )
    assert later == [heads, heads]  # one for each epoch; none was written again
    assert (tmp_path / MODEL).read_bytes() == (run_folder / MODEL).read_bytes()
    assert trained.validation == json.loads((run_folder / RUN).read_text())["validation"]


def test_what_is_done_is_not_done_again(quick_recipe: Recipe, toy_set: TrainingSet, run_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.iterdir()}
    report: list[EpochRow] = []
    trained = train_model(quick_recipe, toy_set, run_folder, seed=0, on_epoch=report.append)
    assert {path: path.stat().st_mtime_ns for path in run_folder.iterdir()} == before
    assert (trained.path, trained.epoch, report) == (run_folder / MODEL, 2, [])


def test_another_training_in_the_folder_is_refused(
    quick_recipe: Recipe, toy_set: TrainingSet, run_folder: Path
) -> None:
    with pytest.raises(ModelError, match="holds a model made with another recipe or from other clips"):
        train_model(quick_recipe, toy_set, run_folder, seed=1)


def without(training_set: TrainingSet, speaker: str) -> TrainingSet:
    source = training_set.encoder_source
    less = replace(source, target=source.target.without(speaker=speaker))
    return replace(training_set, train=training_set.train.without(speaker=speaker), features=less)


def test_after_preparing_no_statistics_are_left_to_compute(
    quick_recipe: Recipe, toy_set: TrainingSet, run_folder: Path
) -> None:
    folds = [without(toy_set, speaker) for speaker in ("toy/01", "toy/02")]
    counts: list[int] = []
    prepare_statistics(quick_recipe, folds, processes=1, progress=counts.append)
    assert sum(counts) == len({one for fold in folds for one in variants_of(quick_recipe, fold)})
    for fold in folds:
        wanted, report = variants_of(quick_recipe, fold), []
        extract_statistics(_encoder_maker(quick_recipe, fold), wanted, processes=1, progress=report.append)
        assert report == [len(wanted)]


# The tiny network


@pytest.fixture(scope="module")
def small_recipe() -> Recipe:
    """A narrow encoder that is distilled for a moment, and one small head."""
    student = {"width": 16, "fine_blocks": 1, "coarse_blocks": 2, "dimensions": 8, "epochs": 1, "batch": 4, "frames": 8}
    heads = {"groups": 2, "count": 1, "epochs": 2, "hidden": 8, "batch": 4, "components": 8}
    copies = {"speed_change": 0.0, "degraded": False}
    return recipe_of({"name": "little", "network": "tiny", "distillation": student, "heads": heads, "copies": copies})


@pytest.fixture(scope="module")
def small_folder(small_recipe: Recipe, toy_set: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("small") / "run"
    train_model(small_recipe, toy_set, made, seed=0)
    return made


def test_a_small_model_comes_out_that_answers(small_folder: Path, toy_set: TrainingSet) -> None:
    recognizer = Recognizer.load(small_folder / MODEL, threads=1)
    assert recognizer.card.parameters < 50_000
    assert (small_folder / MODEL).stat().st_size < 500_000
    prediction = recognizer.recognize(toy_set.train[0].path)
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert recognizer.embed(toy_set.train[0].path).shape == (8,)


def test_its_encoder_is_distilled_from_other_corpora_than_the_target(
    small_recipe: Recipe, toy_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []

    def noted(settings: object, make_whisper: object, clips: list[Clip]) -> None:
        seen.append({clip.corpus for clip in clips})
        raise KeyboardInterrupt

    monkeypatch.setattr("hearfelt.training.sound_network.distilled_encoder", noted)
    target_alone = replace(toy_set, train=toy_set.encoder_source.target)
    for one in (toy_set, target_alone):
        with pytest.raises(KeyboardInterrupt):
            _encoder_maker(small_recipe, one)
    assert seen == [{"folder"}, {"toy"}]


def test_the_same_encoder_is_used_again_and_gives_the_same_file(
    small_recipe: Recipe, toy_set: TrainingSet, small_folder: Path, tmp_path: Path
) -> None:
    counts: list[int] = []
    prepare_statistics(small_recipe, [toy_set, without(toy_set, "toy/01")], processes=1, progress=counts.append)
    assert sum(counts) == len(variants_of(small_recipe, toy_set))  # both have one encoder; nothing is counted twice
    train_model(small_recipe, toy_set, tmp_path / "run", seed=0)
    assert (tmp_path / "run" / MODEL).read_bytes() == (small_folder / MODEL).read_bytes()
