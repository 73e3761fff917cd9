"""Teaching the network that takes sound: frozen ears, an ensemble of heads, one file in 8 bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from hearfelt.cache import file_digest
from hearfelt.clips import Clip, Clips
from hearfelt.errors import ModelError
from hearfelt.evaluation.calibration import log_softmax
from hearfelt.evaluation.metrics import confusion_matrix, figures_of
from hearfelt.evaluation.plan import SameSound, without_copies
from hearfelt.files import atomic_write, remove_parts
from hearfelt.models.hearfelt import HearfeltNetwork, Whitening
from hearfelt.models.moonshine import MoonshineEncoder
from hearfelt.models.pooling import Head
from hearfelt.models.sources import moonshine_weights, whisper_weights
from hearfelt.models.whisper import WhisperEncoder
from hearfelt.splits import speaker_folds
from hearfelt.training.admission import Division, generator_for
from hearfelt.training.checkpoint import Checkpoint, arrays_of, load_arrays, read_checkpoint, write_checkpoint
from hearfelt.training.export import export_sound
from hearfelt.training.frames import Encoders, Frames, fit_whitenings, hear_frames
from hearfelt.training.labelling import card_for
from hearfelt.training.loop import EpochRow, one_thread, write_curves
from hearfelt.training.members import KINDS, Member, Taught, answer_frames, new_head, teach_member
from hearfelt.training.recipe import Recipe
from hearfelt.training.teach import MODEL, RUN, finished
from hearfelt.training.teach import Taught as Model
from hearfelt.training.views import View

__all__ = ["FLOAT_MODEL", "PUBLISHED", "EarFiles", "SoundLesson", "prepare", "sound_key", "teach_sound", "views_of"]

FLOAT_MODEL: Final = "float.onnx"  # the same network in float32, to measure what 8 bits cost; it is never shipped
_FORMAT: Final = 1  # of a run; raised when the same recipe would give another model
_POSITIONS: Final = 700  # 14 s: the window, heard a tenth slower
_ENOUGH: Final = 200  # clips of other corpora, from which the whitening is learned; with fewer, from all


@dataclass(frozen=True)
class EarFiles:
    """Where the ears' weights are; None for their published place.

    Attributes:
        whisper: a ``.safetensors`` file.
        moonshine: the ``.ort`` file or the wheel that holds it.
    """

    whisper: Path | None = None
    moonshine: Path | None = None

    def read(self) -> Encoders:
        """Read and check both.

        Raises:
            ModelError: if a file is not what it should be.
        """
        return Encoders(whisper_weights(self.whisper), moonshine_weights(self.moonshine))


PUBLISHED: Final = EarFiles()


@dataclass(frozen=True, eq=False)
class SoundLesson:
    """Everything one model is taught with.

    Attributes:
        labels: what it shall tell apart, in order.
        learn: what it learns from.
        target: those of them that are like what it will be tested on; group by group they are held out of one head.
        by: what the groups are made of.
        same_sound: groups of clips with the very same sound.
        copied: test clips whose changed copies are learned from too. Empty but for the protocols that show this leak.
        chooser: test clips that the epoch is chosen on. Empty but for the protocol that shows this leak.
        ears: where the encoders' weights are.
        device: where the heads are taught.
    """

    labels: tuple[str, ...]
    learn: Clips = field(repr=False)
    target: Clips = field(repr=False)
    by: Division = "speaker"
    same_sound: SameSound = field(default=(), repr=False)
    copied: Clips = field(default=Clips(), repr=False)
    chooser: Clips = field(default=Clips(), repr=False)
    ears: EarFiles = PUBLISHED
    device: str = "cpu"

    @property
    def clips(self) -> Clips:
        """All clips that have a say in the model."""
        return Clips(dict.fromkeys([*self.learn, *self.copied, *self.chooser]))


def views_of(recipe: Recipe, lesson: SoundLesson) -> list[tuple[Clip, View]]:
    """List what is heard: clips of the corpora that are tested in many ways, the others once."""
    spread = recipe.views.spread
    speeds = (1.0,) if not spread else (1.0, round(1.0 - spread, 4), round(1.0 + spread, 4))
    near = set(lesson.target.corpora)
    wanted: list[tuple[Clip, View]] = []
    for clip in lesson.learn:
        wanted += [(clip, View(speed)) for speed in (speeds if clip.corpus in near else speeds[:1])]
    if recipe.views.worn:
        wanted += [(clip, View(is_worn=True)) for clip in lesson.learn if clip.corpus in near]
    wanted += [(clip, View(speed)) for clip in lesson.copied for speed in speeds[1:]]
    wanted += [(clip, View(is_worn=True)) for clip in lesson.copied if recipe.views.worn]
    copied = set(wanted)
    wanted += [(clip, View()) for clip in lesson.chooser if (clip, View()) not in copied]
    return wanted


def sound_key(recipe: Recipe, lesson: SoundLesson, seed: int) -> str:
    """Name a training by everything that decides its weights: recipe, sound, labels, groups, ears and seed.

    Returns:
        16 hexadecimal digits.
    """
    decisive = {name: value for name, value in recipe.to_dict().items() if name != "description"}
    parts = [
        [f"{clip.corpus}/{clip.name}", file_digest(clip.path), clip.emotion, clip.speaker, clip.channel]
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
        known = heard.setdefault(whitenings[0].components.numpy().tobytes(), set())
        if wanted := [one for one in views_of(recipe, lesson) if one not in known]:
            known.update(wanted)
            hear_frames(encoders, whitenings, wanted, processes=processes, progress=progress)


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
        frames = hear_frames(encoders, whitenings, views_of(recipe, lesson), processes=1)
        taught, held_out = _teach_heads(recipe, lesson, frames, folder, seed=seed, key=key)
        network = _network(recipe, encoders, whitenings, [one.head for one in taught])
        card = card_for(recipe, lesson.labels, lesson.clips, network, held_out)
        examples = [lesson.learn[place].path for place in np.linspace(0, len(lesson.learn) - 1, 4).astype(int)]
        export_sound(network, card, examples, folder / MODEL, folder / FLOAT_MODEL)
    rows = _mean_rows([one.curve for one in taught[:: len(KINDS)]])
    write_curves(folder, rows)
    for row in rows:
        if on_epoch:
            on_epoch(row)
    logits, places = held_out
    figures = figures_of(confusion_matrix(places, logits.argmax(axis=1), len(lesson.labels)))
    epoch = round(float(np.mean([one.epoch for one in taught[:: len(KINDS)]])))  # of the attentive heads
    with atomic_write(folder / RUN) as file:
        json.dump({"key": key, "seed": seed, "epoch": epoch, "validation": figures}, file, indent=1)
        file.write("\n")
    for path in folder.glob("head*.npz"):
        path.unlink()
    return Model(folder, epoch, figures)


def _whitenings(encoders: Encoders, lesson: SoundLesson) -> tuple[Whitening, Whitening]:
    """Learn the whitening from corpora that nobody is tested on, if there are any: it is then the same in all folds."""
    beside = lesson.learn.without(corpus=lesson.target.corpora)
    # In one order, whatever order the corpora were given in: what is heard is remembered by the whitening as well.
    basis = sorted(beside if len(beside) >= _ENOUGH else lesson.learn, key=lambda clip: (clip.corpus, clip.name))
    return fit_whitenings(encoders, basis, generator_for(0, "network"))


def _teach_heads(
    recipe: Recipe, lesson: SoundLesson, frames: Frames, folder: Path, *, seed: int, key: str
) -> tuple[list[Taught], tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Teach two heads for each group; give them, and answers to every target clip by those that never heard it."""
    settings, classes = recipe.ensemble, len(lesson.labels)
    labels = np.array([lesson.labels.index(clip.emotion) for clip in frames.clips], np.int64)
    plain = np.array([view == View() for view in frames.views])
    near = np.isin([clip.corpus for clip in frames.clips], lesson.target.corpora)
    place_of = {clip: place for place, clip in enumerate(frames.clips) if plain[place]}
    taught, answers, wanted = [], [], []
    for number, group in enumerate(_groups(lesson, settings.groups, seed)):
        checked = np.array([place_of[clip] for clip in group], np.int64)
        chances = _chances(recipe, lesson, frames, group)
        asked = np.array([place_of[clip] for clip in lesson.chooser] or checked, np.int64)
        draws = round(_draws(lesson) * (1.0 + settings.beside * _has_beside(lesson)))
        basis = np.flatnonzero(near & (chances > 0))
        member = Member(frames, labels, chances, asked, basis, draws, classes, lesson.device)
        both = []
        for kind in KINDS:
            path = folder / f"head{number}-{kind}.npz"
            one = _kept(path, key, new_head(kind, settings, classes))
            if one is None:
                one = teach_member(member, kind, settings, seed=1000 * seed + number, choose=bool(lesson.chooser))
                _keep(path, key, one)
            both.append(one)
        taught += both
        answers.append(np.mean([log_softmax(answer_frames(one.head, frames, checked)) for one in both], axis=0))
        wanted.append(labels[checked])
    return taught, (np.concatenate(answers), np.concatenate(wanted))


def _groups(lesson: SoundLesson, count: int, seed: int) -> list[Clips]:
    """Divide the target's speakers, or its clips emotion by emotion, into groups."""
    if lesson.by == "speaker":
        return [fold.test for fold in speaker_folds(lesson.target, count, seed=seed)]
    generator = generator_for(seed, "validation")
    shuffled = [lesson.target[int(place)] for place in generator.permutation(len(lesson.target))]
    dealt = sorted(shuffled, key=lambda clip: clip.emotion)
    return [Clips(dealt[number::count]) for number in range(count)]


def _chances(recipe: Recipe, lesson: SoundLesson, frames: Frames, held_out: Clips) -> npt.NDArray[np.float64]:
    """Tell how often each view is drawn: never what is held out, nor the same person or sound."""
    settings, near = recipe.ensemble, set(lesson.target.corpora)
    channels, speakers = {clip.channel for clip in lesson.target}, set(held_out.speakers)
    allowed = set(without_copies(Clips([*lesson.learn, *lesson.copied]), held_out, lesson.same_sound))
    plain_only = set(lesson.chooser) - set(lesson.learn)
    chances = np.zeros(len(frames))
    for place, (clip, view) in enumerate(zip(frames.clips, frames.views, strict=True)):
        apart = lesson.by == "clip" or clip.speaker not in speakers
        if clip in allowed and apart and not (clip in plain_only and view == View()):
            chances[place] = (settings.worn if view.is_worn else 1.0) * (
                1.0 if clip.corpus not in near or clip.channel in channels else settings.song
            )
    corpora = np.array([clip.corpus for clip in frames.clips])
    own = np.isin(corpora, sorted(near))
    chances[own] /= chances[own].sum()
    roots = {corpus: np.sqrt((chances[corpora == corpus] > 0).sum()) for corpus in lesson.learn.corpora}
    roots = {corpus: root for corpus, root in roots.items() if corpus not in near and root > 0}
    for corpus, root in roots.items():
        some = corpora == corpus
        chances[some] *= settings.beside * root / sum(roots.values()) / chances[some].sum()
    return chances


def _draws(lesson: SoundLesson) -> int:
    return len(lesson.learn.where(corpus=lesson.target.corpora))


def _has_beside(lesson: SoundLesson) -> bool:
    return len(lesson.learn.corpora) > len(lesson.target.corpora)


def _network(
    recipe: Recipe, encoders: Encoders, whitenings: tuple[Whitening, Whitening], heads: Sequence[Head]
) -> HearfeltNetwork:
    spread = recipe.views.spread
    speeds = (1.0,) if recipe.views.answered == 1 else (1.0, round(1.0 - spread, 4), round(1.0 + spread, 4))
    whisper = WhisperEncoder.of(encoders.whisper, positions=_POSITIONS)
    moonshine = MoonshineEncoder.of(encoders.moonshine)
    return HearfeltNetwork(whisper, moonshine, whitenings, heads, speeds).eval()


def _keep(path: Path, key: str, taught: Taught) -> None:
    curve = [asdict(row) for row in taught.curve]
    write_checkpoint(path, Checkpoint(arrays_of(taught.head), {"key": key, "curve": curve, "epoch": taught.epoch}))


def _kept(path: Path, key: str, head: Head) -> Taught | None:
    """Read a head that is taught already, into an untaught one."""
    kept = read_checkpoint(path)
    if kept is None:
        return None
    if kept.facts["key"] != key:
        raise ModelError(f"{path}: of another recipe or other clips; delete the folder, or give another one")
    load_arrays(head, kept.arrays)
    curve = tuple(EpochRow(**row) for row in kept.facts["curve"])
    return Taught(head.eval(), np.zeros((0, 0)), curve, kept.facts["epoch"])


def _mean_rows(curves: Iterable[Sequence[EpochRow]]) -> list[EpochRow]:
    """Average the attentive heads' curves, epoch by epoch."""
    rows = []
    for same in zip(*curves, strict=True):
        values = np.mean([[float(value) for value in asdict(row).values()] for row in same], axis=0)
        rows.append(EpochRow(int(values[0]), *(float(value) for value in values[1:])))
    return rows
