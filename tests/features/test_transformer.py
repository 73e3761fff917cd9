"""The features as a step of scikit-learn's pipelines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearfelt.audio.reader import read_audio
from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.clips import Clips
from hearfelt.errors import AudioError, HearfeltError
from hearfelt.features.classic import FEATURE_NAMES, classic_features
from hearfelt.features.transformer import ClassicFeatures


@pytest.fixture(scope="module")
def clips(toy: Path) -> Clips:
    return read_corpus(toy).where(emotion=("angry", "sad"))


def test_paths_clips_and_sounds_in_memory_have_the_same_features(clips: Clips) -> None:
    clip = clips[0]
    audio = read_audio(clip.path)
    features = ClassicFeatures().transform([clip.path, str(clip.path), audio, clip])
    np.testing.assert_array_equal(features, np.tile(classic_features(audio.samples, audio.rate_hz), (4, 1)))


def test_a_pipeline_learns_from_paths_and_answers_for_paths(clips: Clips) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    paths, labels = [clip.path for clip in clips], [clip.emotion for clip in clips]
    pipeline = make_pipeline(ClassicFeatures(), StandardScaler(), LogisticRegression()).fit(paths, labels)
    assert pipeline.score(paths, labels) == 1.0
    assert tuple(pipeline[:1].get_feature_names_out()) == FEATURE_NAMES
    assert "ClassicFeatures" in repr(pipeline)


def test_it_can_be_cloned_searched_over_and_needs_no_fitting(clips: Clips) -> None:
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    copy = clone(ClassicFeatures(processes=None))
    assert copy.get_params() == {"processes": None}
    assert copy.set_params(processes=2).processes == 2
    check_is_fitted(copy)
    paths, labels = [clip.path for clip in clips], [clip.emotion for clip in clips]
    pipeline = make_pipeline(ClassicFeatures(), StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(paths, labels)
    assert search.best_score_ > 0.8


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(HearfeltError, match="no parameter 'colour'"):
        ClassicFeatures().set_params(colour="red")


def test_a_lost_file_and_what_is_no_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"lost\.wav"):
        ClassicFeatures().transform([tmp_path / "lost.wav"])
    with pytest.raises(AudioError, match="not int"):
        ClassicFeatures().transform([7])  # type: ignore[list-item]


def test_no_sound_at_all_has_a_table_without_rows() -> None:
    assert ClassicFeatures().transform([]).shape == (0, 162)


def test_importing_it_loads_neither_scikit_learn_nor_librosa() -> None:
    code = (
        "import sys, hearfelt.features.transformer, hearfelt.features.table;"
        "print(sorted({'sklearn', 'librosa', 'scipy', 'torch', 'pyarrow', 'pandas'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
