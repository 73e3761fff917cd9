"""The page about a corpus: what is in it, how its emotions sound, and why its voices leak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.corpora.catalog import FolderReading
from hearfelt.corpora.check import CorpusCheck, check_folder
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.file_statistics import FileStatistics, measure_files
from hearfelt.emotions import look_of
from hearfelt.errors import require
from hearfelt.features.table import features_of
from hearfelt.reports.examples import Example, choose_examples
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.corpora import clip_map, count_plot, histogram, spreads
from hearfelt.reports.figures.sounds import mel_spectrogram, pitch_track, sound_sheet, spectrogram, waveform
from hearfelt.reports.speaker_leakage import FEWEST_CLIPS, Leak, leak_of, map_of, standardized

__all__ = ["MOST_ON_MAP", "Exploration", "MapOfClips", "charts_of", "explore", "save_plots", "sheets_of", "steps_of"]

MOST_ON_MAP: Final = 3_000  # clips; more take minutes to lay out and hide each other


@dataclass(frozen=True, eq=False)
class MapOfClips:
    """Clips laid out by their 162 features.

    Attributes:
        clips: those on the map.
        places: ``(clips, 2)``.
        leak: what nearest neighbours tell; None where fewer than two speakers are known.
    """

    clips: Clips
    places: NDArray[np.float64]
    leak: Leak | None


@dataclass(frozen=True, eq=False)
class Exploration:
    """What there is to see and hear in a corpus.

    Attributes:
        found: the folder and the form it was read as.
        check: what the check found.
        clips: all clips that can be read.
        facts: of each clip, by its sound.
        examples: a clip for each emotion.
        chart: the map; None where there are too few clips.
    """

    found: FolderReading
    check: CorpusCheck
    clips: Clips
    facts: Mapping[Path | Excerpt, FileStatistics]
    examples: tuple[Example, ...]
    chart: MapOfClips | None

    @property
    def longest_s(self) -> float:
        """Length of the longest example, the time axis of all."""
        return max((example.audio.duration_s for example in self.examples), default=1.0)

    def measured(self, clips: Clips, what: str) -> list[float]:
        """Give ``duration_s`` or ``rms_db`` of each clip; loudness only of those in which something is heard."""
        facts = (self.facts[clip.sound] for clip in clips)
        return [float(getattr(fact, what)) for fact in facts if what == "duration_s" or not fact.is_silent]


def steps_of(found: FolderReading) -> int:
    """Tell how many steps :func:`explore` reports: each file heard, and each clip that is put on the map."""
    return len(found.names) + min(len(found.reading.clips), MOST_ON_MAP)


def explore(
    found: FolderReading, *, processes: int | None = None, progress: Callable[[int], None] | None = None
) -> Exploration:
    """Listen to a corpus and gather all that its page shows.

    Args:
        found: the folder as read by :func:`hearfelt.corpora.catalog.read_folder`.
        processes: how many compute features; one for each core by default.
        progress: called with the number of steps just done.

    Raises:
        ExtraMissingError: if scikit-learn isn't installed.
    """
    require("sklearn.manifold", "plots")  # said before a minute of listening, not after
    check = check_folder(found, progress=progress)
    facts = measure_files(clip.sound for clip in found.reading.clips)
    clips = Clips(clip for clip in found.reading.clips if not facts[clip.sound].error)
    examples = choose_examples(clips, facts)
    return Exploration(
        found=found,
        check=check,
        clips=clips,
        facts=facts,
        examples=examples,
        chart=_map(clips, facts, processes, progress),
    )


def _map(
    clips: Clips,
    facts: Mapping[Path | Excerpt, FileStatistics],
    processes: int | None,
    progress: Callable[[int], None] | None,
) -> MapOfClips | None:
    # A copy is its original's nearest neighbour and would say nothing about voices.
    once = {facts[clip.sound].digest: clip for clip in reversed(clips) if not facts[clip.sound].is_silent}
    mapped = list(reversed(once.values()))
    if len(mapped) > MOST_ON_MAP:
        drawn = np.random.default_rng(0).choice(len(mapped), MOST_ON_MAP, replace=False)
        mapped = [mapped[place] for place in sorted(drawn)]
    if len(mapped) < FEWEST_CLIPS:
        return None
    chosen = Clips(mapped)
    features = standardized(features_of(chosen, processes=processes, progress=progress))
    if not features.any():
        return None
    known = all(clip.speaker_is_known for clip in chosen) and len(chosen.speakers) > 1
    return MapOfClips(chosen, map_of(features), leak_of(features, chosen) if known else None)


def charts_of(seen: Exploration) -> Iterator[tuple[str, Figure]]:
    """Draw every plot about the whole corpus, each with the name of its file.

    Yields:
        Names such as ``"clips-by-emotion"``, and figures.
    """
    clips = seen.clips
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
        yield name, histogram(seen.measured(clips, what), label=label, title=f"{title} of all clips")
        by_emotion = {emotion: seen.measured(clips.where(emotion=emotion), what) for emotion in clips.emotions}
        yield f"{name}-by-emotion", spreads(by_emotion, label=label, title=f"{title} by emotion")
    if seen.chart is not None:
        mapped = seen.chart.clips
        emotions, speakers = [clip.emotion for clip in mapped], [clip.speaker for clip in mapped]
        yield "map-by-emotion", clip_map(seen.chart.places, emotions, title="Coloured by emotion")
        yield "map-by-actor", clip_map(seen.chart.places, speakers, title="Coloured by speaker", named=True)


def sheets_of(seen: Exploration) -> Iterator[tuple[Example, Figure]]:
    """Draw each example's waveform, spectrogram, mel spectrogram and pitch in one figure, on one time axis."""
    for example in seen.examples:
        colour = look_of(example.clip.emotion).colour
        yield example, sound_sheet(example.audio, until_s=seen.longest_s, colour=colour)


def save_plots(seen: Exploration, folder: Path) -> list[Path]:
    """Write every plot as a PNG file of its own.

    Args:
        seen: the corpus.
        folder: where to; made when it isn't there.

    Returns:
        The files.
    """
    files = [save_figure(figure, folder / f"{name}.png") for name, figure in charts_of(seen)]
    for number, example in enumerate(seen.examples, start=1):
        emotion, audio, until_s = example.clip.emotion, example.audio, seen.longest_s
        colour = look_of(emotion).colour
        # A label of one's own may hold anything; what is no letter or digit stays out of file names.
        kept = "".join(character for character in emotion if character.isalnum() or character in "-_")
        name = f"{number:02d}-{kept[:40] or 'emotion'}"
        each = {
            "waveform": waveform(audio, until_s=until_s, colour=colour, title=f"{emotion}: waveform"),
            "spectrogram": spectrogram(audio, until_s=until_s, title=f"{emotion}: spectrogram"),
            "mel-spectrogram": mel_spectrogram(audio, until_s=until_s, title=f"{emotion}: mel spectrogram"),
            "pitch": pitch_track(audio, until_s=until_s, colour=colour, title=f"{emotion}: pitch"),
        }
        files += [save_figure(figure, folder / f"{name}-{kind}.png") for kind, figure in each.items()]
    return files


def _known_speakers(clips: Clips) -> dict[str, int]:
    counts = clips.count("speaker")
    corpora = len(clips.corpora)
    return {name if corpora > 1 else name.partition("/")[2]: number for name, number in counts.items()}
