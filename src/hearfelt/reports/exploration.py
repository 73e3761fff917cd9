"""The report of a corpus: its clips, how its emotions sound, and how far its speakers leak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hearfelt.audio.excerpts import Excerpt
from hearfelt.corpora.catalog import FolderReading
from hearfelt.corpora.check import CorpusCheck, check_folder
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.file_statistics import FileStatistics, measure_files
from hearfelt.emotions import look_of
from hearfelt.errors import ExtraMissingError
from hearfelt.features.table import features_of
from hearfelt.reports.examples import Example, choose_examples
from hearfelt.reports.figures.canvas import save_figure
from hearfelt.reports.figures.corpora import clip_map, count_plot, histogram, spreads
from hearfelt.reports.figures.sounds import mel_spectrogram, pitch_track, sound_sheet, spectrogram, waveform
from hearfelt.reports.formatting import many
from hearfelt.reports.pages import picture, player, table, write_page
from hearfelt.reports.speaker_leakage import FEWEST_CLIPS, SpeakerLeakage, measure_leakage, standardized, tsne_map

__all__ = [
    "MOST_ON_MAP",
    "ClipMap",
    "Exploration",
    "charts_of",
    "explore",
    "save_plots",
    "sheets_of",
    "steps_of",
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
    """

    clips: Clips
    places: NDArray[np.float64] | None
    leak: SpeakerLeakage | None

    @property
    def is_sample(self) -> bool:
        """Whether the clips are a random sample of all clips."""
        return len(self.clips) == MOST_ON_MAP


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
    check = check_folder(found, progress=progress)
    facts = measure_files(clip.sound for clip in found.reading.clips)
    clips = Clips(clip for clip in found.reading.clips if not facts[clip.sound].error)
    examples = choose_examples(clips, facts)
    return Exploration(found, check, clips, facts, examples, _map(clips, facts, processes, progress))


def _map(
    clips: Clips,
    facts: Mapping[Path | Excerpt, FileStatistics],
    processes: int | None,
    progress: Callable[[int], None] | None,
) -> ClipMap | None:
    # A copy is its original's nearest neighbour and would say nothing about speakers.
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
    try:
        places = tsne_map(features)
    except ExtraMissingError:
        places = None
    return ClipMap(chosen, places, measure_leakage(features, chosen) if known else None)


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
        yield example, sound_sheet(example.audio, until_s=explored.longest_s, colour=colour)


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
            "spectrogram": spectrogram(audio, title=f"{emotion}: spectrogram"),
            "mel-spectrogram": mel_spectrogram(audio, title=f"{emotion}: mel spectrogram"),
            "pitch": pitch_track(audio, colour=colour, title=f"{emotion}: pitch"),
        }
        files += [save_figure(figure, folder / f"{name}-{kind}.png") for kind, figure in each.items()]
    return files


def _known_speakers(clips: Clips) -> dict[str, int]:
    counts = clips.count("speaker")
    corpora = len(clips.corpora)
    return {name if corpora > 1 else name.partition("/")[2]: number for name, number in counts.items()}
