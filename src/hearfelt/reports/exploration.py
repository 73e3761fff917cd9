"""The report of a corpus: its clips, how its emotions sound, and how far its speakers leak.

Each emotion has an example clip, chosen so that little but the emotion differs. Nearest neighbours among all clips
give a map, and tell how far speakers leak.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.audio.reader import Audio, read_audio, resample
from hearfelt.corpora.catalog import FolderReading
from hearfelt.corpora.check import CorpusCheck, check_folder
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.file_statistics import AlsoComputed, FileStatistics, statistics_of_files
from hearfelt.emotions import look_of
from hearfelt.errors import ExtraMissingError, require
from hearfelt.features.display import Spectra, spectra
from hearfelt.features.table import feature_bytes, features_of
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.corpora import clip_map, count_plot, histogram, spreads
from hearfelt.reports.figures.sounds import mel_spectrogram, pitch_track, sound_sheet, spectrogram, waveform
from hearfelt.reports.formatting import many
from hearfelt.reports.pages import picture, player, table, write_page

__all__ = [
    "FEWEST_CLIPS",
    "MOST_ON_MAP",
    "ClipMap",
    "Example",
    "Exploration",
    "SpeakerLeakage",
    "charts_of",
    "choose_examples",
    "explore",
    "measure_leakage",
    "save_plots",
    "sheets_of",
    "standardized",
    "steps_of",
    "trimmed",
    "tsne_map",
    "write_exploration",
]


MOST_ON_MAP: Final = 3_000  # clips; more take minutes to compute and hide each other


@dataclass(frozen=True, eq=False)
class ClipMap:
    """Clips on a plane by their 162 features.

    Attributes:
        clips: those on the map.
        places: coordinates ``(clips, 2)``; None where scikit-learn, which computes them, is not installed.
        leak: of the speakers among nearest neighbours; None where fewer than two speakers are known.
        is_sample: whether the clips are a random sample of all clips.
    """

    clips: Clips
    places: NDArray[np.float64] | None
    leak: SpeakerLeakage | None
    is_sample: bool


@dataclass(frozen=True, eq=False)
class Exploration:
    """The data behind the report of a corpus.

    Attributes:
        found: the folder and the form it was read as.
        check: the result of the check.
        clips: all readable clips.
        facts: statistics of each clip, by its sound.
        examples: a clip for each emotion.
        map: None where there are too few clips.
    """

    found: FolderReading
    check: CorpusCheck
    clips: Clips
    facts: Mapping[Path | Excerpt, FileStatistics]
    examples: tuple[Example, ...]
    map: ClipMap | None

    @property
    def longest_s(self) -> float:
        """Length of the longest example, the time axis of all."""
        return max((example.audio.duration_s for example in self.examples), default=1.0)

    @cached_property
    def charts(self) -> dict[str, Figure]:
        """Every plot of the whole corpus, drawn once for page and pictures."""
        return dict(charts_of(self))

    def values(self, clips: Clips, what: str) -> list[float]:
        """Return ``duration_s`` or ``rms_db`` of each clip; loudness only of clips that are not silent."""
        facts = (self.facts[clip.sound] for clip in clips)
        return [float(getattr(fact, what)) for fact in facts if what == "duration_s" or not fact.is_silent]


def steps_of(found: FolderReading) -> int:
    """Return how many steps :func:`explore` reports: each file that is checked, and each clip on the map."""
    return len(found.names) + min(len(found.reading.clips), MOST_ON_MAP)


def explore(
    found: FolderReading, *, processes: int | None = None, progress: Callable[[int], None] | None = None
) -> Exploration:
    """Collect the data of a corpus for its report.

    Args:
        found: the folder as read by :func:`hearfelt.corpora.catalog.read_folder`.
        processes: how many compute features; one for each core by default.
        progress: called with the number of steps just done.
    """
    reading = found.reading
    sample = _sample(reading.clips)
    on_map = {clip.sound for clip in sample}
    others = (found.root / name for name in (*reading.copies, *reading.unrecognized))
    computed = AlsoComputed(feature_bytes, on_map)
    sounds = [*(clip.sound for clip in reading.clips), *others]
    facts = statistics_of_files(sounds, also=computed, processes=processes, progress=progress)
    features = {sound: np.frombuffer(values, np.float32) for sound, values in computed.results.items()}
    check = check_folder(found, facts=facts)
    clips = Clips(clip for clip in reading.clips if not facts[clip.sound].error)
    examples = choose_examples(clips, facts)
    # A copy is its original's nearest neighbour and would say nothing about speakers.
    audible = [clip for clip in sample if not facts[clip.sound].error and not facts[clip.sound].is_silent]
    once = {facts[clip.sound].digest: clip for clip in reversed(audible)}
    chosen = Clips(reversed(once.values()))
    if len(chosen) < FEWEST_CLIPS:
        return Exploration(found, check, clips, facts, examples, None)
    measured = features_of(chosen, given=features, processes=processes, progress=progress)
    mapped = _map(chosen, standardized(measured), is_sample=len(sample) < len(reading.clips))
    return Exploration(found, check, clips, facts, examples, mapped)


def _sample(clips: Sequence[Clip]) -> list[Clip]:
    if len(clips) <= MOST_ON_MAP:
        return list(clips)
    drawn = np.random.default_rng(0).choice(len(clips), MOST_ON_MAP, replace=False)
    return [clips[place] for place in sorted(drawn)]


def _map(chosen: Clips, features: NDArray[np.float32], *, is_sample: bool) -> ClipMap | None:
    if not features.any():
        return None
    known = all(clip.speaker_is_known for clip in chosen) and len(chosen.speakers) > 1
    try:
        places = tsne_map(features)
    except ExtraMissingError:
        places = None
    return ClipMap(chosen, places, measure_leakage(features, chosen) if known else None, is_sample)


def charts_of(explored: Exploration) -> Iterator[tuple[str, Figure]]:
    """Draw every plot of the whole corpus, each with the name of its file.

    Yields:
        Names such as ``"clips-by-emotion"``, and figures.
    """
    clips = explored.clips
    yield "clips-by-emotion", count_plot(clips.count("emotion"), title="Clips by emotion")
    yield "clips-by-actor", count_plot(_known_speakers(clips), title="Clips by actor")
    for attribute in ("sex", "channel"):
        counts = {value or "unknown": number for value, number in clips.count(attribute).items()}
        if len(counts) > 1 or (attribute == "sex" and set(counts) & {"female", "male"}):
            yield f"clips-by-{attribute}", count_plot(counts, title=f"Clips by {attribute}")
    for what, name, label in (
        ("duration_s", "duration", "seconds"),
        ("rms_db", "loudness", "level (dB of full scale)"),
    ):
        title = name.capitalize()
        yield name, histogram(explored.values(clips, what), label=label, title=f"{title} of all clips")
        by_emotion = {emotion: explored.values(clips.where(emotion=emotion), what) for emotion in clips.emotions}
        yield f"{name}-by-emotion", spreads(by_emotion, label=label, title=f"{title} by emotion")
    if explored.map is not None and explored.map.places is not None:
        mapped = explored.map.clips
        emotions, speakers = [clip.emotion for clip in mapped], [clip.speaker for clip in mapped]
        yield "map-by-emotion", clip_map(explored.map.places, emotions, title="Coloured by emotion")
        yield "map-by-actor", clip_map(explored.map.places, speakers, title="Coloured by speaker", named=True)


def sheets_of(explored: Exploration) -> Iterator[tuple[Example, Figure]]:
    """Draw each example's waveform, spectrogram, mel spectrogram and pitch in one figure, on one time axis."""
    for example in explored.examples:
        colour = look_of(example.clip.emotion).colour
        yield example, sound_sheet(example.audio, until_s=explored.longest_s, colour=colour, measured=example.spectra)


def write_exploration(explored: Exploration, path: Path) -> Path:
    """Write the report of a corpus: counts, durations, the sound of each emotion, a map, and the check.

    Args:
        explored: the corpus.
        path: where to.

    Returns:
        ``path``.
    """
    clips, form, check = explored.clips, explored.found.form, explored.check
    title = form.title if form.name != "folder" else explored.found.root.resolve().name
    size = f"{many(len(clips), 'clip')}, {many(len(clips.speakers), 'speaker')}, {many(len(clips.emotions), 'emotion')}"
    licence = f" Licence: {form.licence}." if form.name not in ("folder", "toy") else ""
    found, statements = _found(check), {example.clip.statement for example in explored.examples}
    return write_page(
        path,
        "exploration.html",
        title,
        lead=f"{size}.{licence}",
        numbers=_numbers(explored),
        charts={name: picture(chart, alt=_alt(clips, name)) for name, chart in explored.charts.items()},
        counts=_count_table(explored),
        examples=[_example(example, sheet) for example, sheet in sheets_of(explored)],
        speakers=len({example.clip.speaker for example in explored.examples}),
        same_words=len(statements) == 1 and "" not in statements,
        map=explored.map,
        fewest_clips=FEWEST_CLIPS,
        check=check,
        faults="; ".join(check.faults).capitalize() + ".",
        found=found,
        found_counts=table(("finding", "files"), [(name, len(items)) for name, items in found.items()]),
    )


def _numbers(explored: Exploration) -> dict[str, str]:
    durations = sorted(explored.values(explored.clips, "duration_s"))
    minutes = sum(durations) / 60
    rates = sorted({explored.facts[clip.sound].rate_hz for clip in explored.clips})
    rate = f"{rates[0] / 1_000:g} kHz" if len(rates) == 1 else f"{len(rates)} different"
    return {
        "clips": f"{len(explored.clips):,}",
        "speakers": f"{len(explored.clips.speakers):,}",
        "emotions": str(len(explored.clips.emotions)),
        "total length": f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.1f} min",
        "median length": f"{durations[len(durations) // 2]:.1f} s" if durations else "–",
        "sampling rate": rate if rates else "–",
    }


def _alt(clips: Clips, chart: str) -> str:
    """Describe a chart for screen readers."""
    if chart == "clips-by-actor":
        speakers = clips.count("speaker")
        fewest, most = min(speakers.values(), default=0), max(speakers.values(), default=0)
        return f"Bars: clips of each of {len(speakers):,} speakers, from {fewest:,} to {most:,}."
    if chart.startswith("clips-by-"):
        attribute = chart.removeprefix("clips-by-")
        counts = ", ".join(f"{value or 'unknown'} {number:,}" for value, number in clips.count(attribute).items())
        return f"Bars: clips by {attribute}: {counts}."
    return {
        "duration": "Histogram of the length of clips.",
        "duration-by-emotion": "Length of the clips of each emotion.",
        "loudness": "Histogram of the loudness of clips.",
        "loudness-by-emotion": "Loudness of the clips of each emotion.",
        "map-by-emotion": "Map of the clips, each a dot coloured by its emotion.",
        "map-by-actor": "The same map, each dot coloured by its speaker.",
    }[chart]


def _count_table(explored: Exploration) -> Markup:
    rows = []
    for emotion, number in explored.clips.count("emotion").items():
        own = explored.clips.where(emotion=emotion)
        rows.append((emotion, number, len(own.speakers), f"{sum(explored.values(own, 'duration_s')) / 60:.1f}"))
    return table(("emotion", "clips", "speakers", "minutes"), rows)


def _example(example: Example, sheet: Figure) -> dict[str, str]:
    clip = example.clip
    alt = f"Waveform, spectrogram, mel spectrogram and pitch of one {clip.emotion} clip, {clip.name}."
    return {
        "emotion": clip.emotion,
        "player": player(example.flac(), label=f"{clip.emotion}: {clip.name}"),
        "sheet": picture(sheet, alt=alt),
        "about": ", ".join(part for part in (clip.speaker, clip.channel, clip.intensity, clip.name) if part),
    }


def _found(check: CorpusCheck) -> dict[str, list[str]]:
    """List what the check found, by kind."""

    def with_reasons(reasons: Mapping[str, str]) -> list[str]:
        return [f"{name}: {reason}" for name, reason in reasons.items()]

    return {
        "missing": list(check.missing),
        "the same sound under different names": [" = ".join(group) for group in check.duplicates],
        "second copies": [f"{copy}: {kept} is used" for copy, kept in check.copies.items()],
        "contradictions": list(check.contradictions),
        "not clips of this corpus": with_reasons(check.unrecognized),
        "unreadable": with_reasons(check.unreadable),
        "silent": list(check.silent),
        "clipped": list(check.clipped),
        "unusual": with_reasons(check.odd),
        "left out of training": with_reasons(check.unfit),
        "labels that look misspelt": [f"{label}: probably {meant}" for label, meant in check.mislabelled.items()],
    }


def save_plots(explored: Exploration, folder: Path) -> list[Path]:
    """Write every plot as a PNG file of its own.

    Args:
        explored: the corpus.
        folder: where to; made when it isn't there.

    Returns:
        The files.
    """
    files = [save_figure(figure, folder / f"{name}.png") for name, figure in explored.charts.items()]
    for number, example in enumerate(explored.examples, start=1):
        emotion, audio = example.clip.emotion, example.audio
        colour = look_of(emotion).colour
        # A label of one's own may hold anything; what is no letter or digit stays out of file names.
        kept = "".join(character for character in emotion if character.isalnum() or character in "-_")
        name = f"{number:02d}-{kept[:40] or 'emotion'}"
        each = {
            "waveform": waveform(audio, colour=colour, title=f"{emotion}: waveform"),
            "spectrogram": spectrogram(audio, title=f"{emotion}: spectrogram", measured=example.spectra),
            "mel-spectrogram": mel_spectrogram(audio, title=f"{emotion}: mel spectrogram", measured=example.spectra),
            "pitch": pitch_track(audio, colour=colour, title=f"{emotion}: pitch", measured=example.spectra),
        }
        files += [save_figure(figure, folder / f"{name}-{kind}.png") for kind, figure in each.items()]
    return files


def _known_speakers(clips: Clips) -> dict[str, int]:
    counts = clips.count("speaker")
    corpora = len(clips.corpora)
    return {name if corpora > 1 else name.partition("/")[2]: number for name, number in counts.items()}


_LONGEST_S: Final = 8.0  # of a longer clip the beginning is shown
_RATE_HZ: Final = 24_000  # enough for a voice on a page, half the size of 48 kHz
_QUIET: Final = 0.01  # of the peak, -40 dB: silence at both ends
_MARGIN_S: Final = 0.1
_CHUNK_S: Final = 0.01


@dataclass(frozen=True)
class Example:
    """The example clip of an emotion.

    Attributes:
        clip: which one.
        audio: its sound without the silence at both ends, at most 8 s.
    """

    clip: Clip
    audio: Audio

    @cached_property
    def spectra(self) -> Spectra:
        """Spectrogram, mel spectrogram and pitch, measured once for every plot."""
        return spectra(self.audio.samples, self.audio.rate_hz)

    def flac(self) -> bytes:
        """Return the sound as a FLAC file, which every browser plays."""
        rate_hz = min(self.audio.rate_hz, _RATE_HZ)
        samples = np.clip(resample(self.audio.samples, self.audio.rate_hz, rate_hz), -1.0, 1.0)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, rate_hz, format="FLAC", subtype="PCM_16")
        return buffer.getvalue()


def choose_examples(
    clips: Clips, facts: Mapping[Path | Excerpt, FileStatistics], *, most: int = 16
) -> tuple[Example, ...]:
    """Choose a clip of each emotion, by one speaker and with the same words wherever the corpus has them.

    Args:
        clips: candidates; unreadable and silent ones are ignored.
        facts: statistics of each clip.
        most: emotions, in their order; a corpus with more labels shows the first of them.

    Returns:
        One example for each emotion with an audible clip, in order.
    """
    audible = Clips(c for c in clips if not facts[c.sound].error and not facts[c.sound].is_silent)
    if not audible:
        return ()
    speaker = _with_most_emotions(audible, "speaker")
    own = audible.where(speaker=speaker)
    spoken = own.where(channel="speech") or own
    statement = _with_most_emotions(spoken, "statement")
    durations = [facts[clip.sound].duration_s for clip in audible]
    usual_s = float(np.median(durations))

    def fitness(clip: Clip) -> tuple[object, ...]:
        return (
            clip.speaker != speaker,
            clip.channel != "speech",
            clip.statement != statement,
            clip.intensity not in ("strong", "HI"),
            clip.repetition,
            abs(facts[clip.sound].duration_s - usual_s),
            clip.name,
        )

    chosen = (min(audible.where(emotion=emotion), key=fitness) for emotion in audible.emotions[:most])
    return tuple(Example(clip, trimmed(read_audio(clip.sound, name=clip.name))) for clip in chosen)


def trimmed(audio: Audio) -> Audio:
    """Cut off silence at both ends, except 0.1 s, and everything beyond 8 s.

    Example:
        >>> sound = np.zeros(30_000, np.float32)
        >>> sound[10_000:20_000] = 0.5
        >>> trimmed(Audio(sound, 10_000)).duration_s
        1.2
    """
    level = np.abs(audio.samples - np.median(audio.samples))
    # A single loud sample is a click; ten milliseconds of sound begin a voice.
    chunk = max(1, round(_CHUNK_S * audio.rate_hz))
    loudest = np.maximum.reduceat(level, np.arange(0, len(level), chunk))
    loud = np.flatnonzero(loudest > _QUIET * level.max())
    if not loud.size:
        return audio
    margin = round(_MARGIN_S * audio.rate_hz)
    first = max(0, int(loud[0]) * chunk - margin)
    behind = min(len(level), (int(loud[-1]) + 1) * chunk + margin, first + round(_LONGEST_S * audio.rate_hz))
    return replace(audio, samples=audio.samples[first:behind])


def _with_most_emotions(clips: Clips, attribute: str) -> str:
    """Return the value of an attribute, such as a speaker, whose clips have the most emotions."""
    emotions: dict[str, set[str]] = {}
    for clip in clips:
        emotions.setdefault(str(getattr(clip, attribute)), set()).add(clip.emotion)
    return min(emotions, key=lambda value: (-len(emotions[value]), value))


FEWEST_CLIPS: Final = 12  # of fewer, a map shows nothing
_PERPLEXITY: Final = 30.0  # neighbours that count; the authors of t-SNE advise 5 to 50
# Half the steps and coarser forces than scikit-learn's defaults take less than half the time, and keep neighbours as
# well: trustworthiness on RAVDESS is 0.950 either way.
_STEPS: Final = 500
_ANGLE: Final = 0.7
_BLOCK: Final = 512  # clips compared with all others at a time

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerLeakage:
    """Shares of clips whose nearest neighbour has the same speaker or emotion, 0 to 1.

    Attributes:
        same_speaker: how often the nearest clip has the same speaker.
        same_speaker_by_chance: the same for a random clip.
        same_emotion: how often the nearest clip has the same emotion.
        same_emotion_of_others: the same among the clips of other speakers.
        same_emotion_by_chance: how often a random clip has the same emotion.
    """

    same_speaker: float
    same_speaker_by_chance: float
    same_emotion: float
    same_emotion_of_others: float
    same_emotion_by_chance: float


def standardized(features: Floats) -> Floats:
    """Scale every feature to mean 0 and standard deviation 1; a constant one becomes 0.

    Args:
        features: ``(clips, features)``.
    """
    deviation = features.std(axis=0)
    centred = features - features.mean(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9), np.float32)


def measure_leakage(features: Floats, clips: Clips) -> SpeakerLeakage:
    """Measure how far the speaker reveals the emotion, by nearest neighbours.

    Where a speaker is in both training and test, the nearest training clip is mostly one of the same voice, and often
    of the same emotion.

    Args:
        features: ``(clips, features)``, standardized.
        clips: of two or more known speakers, in the same order.
    """
    speakers = np.unique([clip.speaker for clip in clips], return_inverse=True)[1]
    emotions = np.unique([clip.emotion for clip in clips], return_inverse=True)[1]
    nearest = np.empty(len(clips), dtype=np.intp)
    others = np.empty(len(clips), dtype=np.intp)
    lengths = np.square(features).sum(axis=1)
    for first in range(0, len(clips), _BLOCK):
        block = slice(first, first + _BLOCK)
        distances = lengths - 2 * features[block] @ features.T  # (block, clips), but for each row's own length
        rows = np.arange(len(distances))
        distances[rows, first + rows] = np.inf
        nearest[block] = distances.argmin(axis=1)
        distances[speakers[block, None] == speakers] = np.inf
        others[block] = distances.argmin(axis=1)
    return SpeakerLeakage(
        same_speaker=float(np.mean(speakers[nearest] == speakers)),
        same_speaker_by_chance=_by_chance([clip.speaker for clip in clips]),
        same_emotion=float(np.mean(emotions[nearest] == emotions)),
        same_emotion_of_others=float(np.mean(emotions[others] == emotions)),
        same_emotion_by_chance=_by_chance([clip.emotion for clip in clips]),
    )


def tsne_map(features: Floats) -> NDArray[np.float64]:
    """Map clips to a plane so that similar clips lie close together (t-SNE, van der Maaten and Hinton 2008).

    Args:
        features: ``(clips, features)``, standardized; at least :data:`FEWEST_CLIPS` clips, not all alike.

    Returns:
        Coordinates ``(clips, 2)``; only neighbourhoods have a meaning.

    Raises:
        ExtraMissingError: if scikit-learn isn't installed.
    """
    manifold, threads = require("sklearn.manifold", "map"), require("threadpoolctl", "map")
    machine = manifold.TSNE(
        perplexity=min(_PERPLEXITY, (len(features) - 1) / 3),
        max_iter=_STEPS,
        angle=_ANGLE,
        init="pca",
        learning_rate="auto",
        random_state=0,
    )
    # The threads of scikit-learn's t-SNE wait for each other at every step, spinning: two take up to four times the
    # processor time of one, and more time by the clock on a busy machine. One also gives the same map on any machine.
    with threads.threadpool_limits(1):
        return np.asarray(machine.fit_transform(features), dtype=np.float64)


def _by_chance(labels: Sequence[str]) -> float:
    """Return how often another random clip has the same label."""
    others = max(1, len(labels) - 1)
    return sum(number * (number - 1) for number in Counter(labels).values()) / (max(1, len(labels)) * others)
