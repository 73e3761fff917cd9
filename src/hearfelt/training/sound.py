"""Teaching a network that takes sound: ears that are held still, an ensemble of heads, one file in 8 bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from torch import nn

from hearfelt.corpora.clips import Clip
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.models.encoders.moonshine import MoonshineEncoder
from hearfelt.models.encoders.whisper import WhisperEncoder
from hearfelt.models.hearfelt import HearfeltNetwork, Whitening
from hearfelt.models.tiny import TinyNetwork
from hearfelt.runtime.cache import sound_digests
from hearfelt.runtime.files import atomic_write, remove_parts
from hearfelt.training.augmented_copies import View
from hearfelt.training.build_card import card_for
from hearfelt.training.data_selection import generator_for
from hearfelt.training.distillation import taught_ear
from hearfelt.training.ensemble import Taught, Teacher, teach_ensemble
from hearfelt.training.export import export_sound
from hearfelt.training.frames import Encoders, fit_whitenings, hear_frames, keep_frames
from hearfelt.training.loop import EpochRow, one_thread, write_curves
from hearfelt.training.recipe import Recipe
from hearfelt.training.sound_training_set import SoundLesson, views_of
from hearfelt.training.student_features import hear_described
from hearfelt.training.trainer import MODEL, RUN, finished
from hearfelt.training.trainer import Taught as Model

__all__ = ["FLOAT_MODEL", "prepare", "sound_key", "teach_sound"]

FLOAT_MODEL: Final = "float.onnx"  # the same network in float32, to measure what 8 bits cost; it is never shipped
_FORMAT: Final = 3  # of a run; raised when the same recipe would give another model
_POSITIONS: Final = 700  # 14 s, more than the window
_ENOUGH: Final = 200  # clips of other corpora, from which the whitening is learned; with fewer, from all


def sound_key(recipe: Recipe, lesson: SoundLesson, seed: int) -> str:
    """Name a training by everything that decides its weights: recipe, sound, labels, groups, ears and seed.

    Returns:
        16 hexadecimal digits.
    """
    decisive = {name: value for name, value in recipe.to_dict().items() if name != "description"}
    digests = sound_digests(clip.sound for clip in lesson.clips)
    parts = [
        [f"{clip.corpus}/{clip.name}", digests[clip.sound], clip.emotion, clip.speaker, clip.channel]
        for clip in lesson.clips
    ]
    marks = [len(lesson.learn), len(lesson.copied), len(lesson.chooser), lesson.target.fingerprint(), lesson.by]
    text = json.dumps([_FORMAT, decisive, lesson.labels, seed, parts, marks, lesson.ears.read().digest])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def prepare(
    recipe: Recipe,
    lessons: Sequence[SoundLesson],
    *,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Hear everything that some lessons need, in several processes, so that no training has to.

    Args:
        recipe: how clips are heard.
        lessons: of all folds.
        processes: at most.
        progress: called with the number of views just heard.

    Raises:
        AudioError: if a clip cannot be read or is silent.
        ModelError: if the ears' weights are not what they should be.
    """
    encoders = lessons[0].ears.read()
    heard: dict[bytes, set[tuple[Clip, View]]] = {}
    for lesson in lessons:
        whitenings = _whitenings(encoders, lesson)
        wanted = views_of(recipe, lesson)
        if recipe.network == "tiny":
            basis = _basis(lesson)
            keep_frames(encoders, whitenings, [(clip, View()) for clip in basis], processes=processes)
            hear_described(recipe.ear, taught_ear(recipe.ear, encoders, whitenings, basis), wanted, progress=progress)
            continue
        known = heard.setdefault(whitenings[0].components.numpy().tobytes(), set())
        if fresh := [one for one in wanted if one not in known]:
            known.update(fresh)
            keep_frames(encoders, whitenings, fresh, processes=processes, progress=progress)


def teach_sound(
    recipe: Recipe,
    lesson: SoundLesson,
    folder: Path,
    *,
    seed: int,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> Model:
    """Train one model and write its file; heads that an earlier call finished are not taught again.

    Args:
        recipe: how.
        lesson: from what.
        folder: for the model, its curves and the heads.
        seed: decides every random number.
        on_epoch: told each epoch's row, the mean over the heads, when all are taught.

    Raises:
        CorpusError: if there are fewer speakers than groups.
        ModelError: if the folder holds another training, or the exported file differs from the network.
    """
    key = sound_key(recipe, lesson, seed)
    if done := finished(folder, key):
        return done
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    encoders = lesson.ears.read()
    whitenings = _whitenings(encoders, lesson)
    with one_thread():
        wanted = views_of(recipe, lesson)
        if recipe.network == "tiny":
            ear = taught_ear(recipe.ear, encoders, whitenings, _basis(lesson))
            frames = hear_described(recipe.ear, ear, wanted)
            taught = teach_ensemble(Teacher(recipe, lesson, frames, folder, key), seed=seed)
            network: nn.Module = TinyNetwork(ear, taught.heads[0], taught.discriminant).eval()
        else:
            frames = hear_frames(encoders, whitenings, wanted)
            taught = teach_ensemble(Teacher(recipe, lesson, frames, folder, key), seed=seed)
            network = _network(encoders, whitenings, taught)
        card = card_for(recipe, lesson.labels, lesson.clips, network, taught.held_out)
        examples = [lesson.learn[place].sound for place in np.linspace(0, len(lesson.learn) - 1, 4).astype(int)]
        export_sound(network, card, examples, folder / MODEL, folder / FLOAT_MODEL)
    rows = _mean_rows(taught.curves)
    write_curves(folder, rows)
    for row in rows:
        if on_epoch:
            on_epoch(row)
    logits, places = taught.held_out
    figures = figures_of(confusion_matrix(places, logits.argmax(axis=1), len(lesson.labels)))
    with atomic_write(folder / RUN) as file:
        json.dump({"key": key, "seed": seed, "epoch": taught.epoch, "validation": figures}, file, indent=1)
        file.write("\n")
    for path in folder.glob("*.npz"):
        path.unlink()
    return Model(folder, taught.epoch, figures)


def _whitenings(encoders: Encoders, lesson: SoundLesson) -> tuple[Whitening, Whitening]:
    """Learn the whitening from corpora that nobody is tested on, if there are any: it is then the same in all folds."""
    return fit_whitenings(encoders, _basis(lesson), generator_for(0, "network"))


def _basis(lesson: SoundLesson) -> list[Clip]:
    """List the clips of corpora that nobody is tested on, or of the training part where these are too few.

    In one order, whatever order the corpora were given in: what is heard is remembered by the whitening as well.
    """
    beside = lesson.learn.without(corpus=lesson.target.corpora)
    return sorted(beside if len(beside) >= _ENOUGH else lesson.learn, key=lambda clip: (clip.corpus, clip.name))


def _network(encoders: Encoders, whitenings: tuple[Whitening, Whitening], taught: Taught) -> HearfeltNetwork:
    whisper = WhisperEncoder.of(encoders.whisper, positions=_POSITIONS)
    moonshine = MoonshineEncoder.of(encoders.moonshine)
    return HearfeltNetwork(whisper, moonshine, whitenings, taught.heads, taught.discriminant).eval()


def _mean_rows(curves: Iterable[Sequence[EpochRow]]) -> list[EpochRow]:
    """Average the curves of heads that held out a group, epoch by epoch."""
    rows = []
    for same in zip(*curves, strict=True):
        values = np.mean([[float(value) for value in asdict(row).values()] for row in same], axis=0)
        rows.append(EpochRow(int(values[0]), *(float(value) for value in values[1:])))
    return rows
