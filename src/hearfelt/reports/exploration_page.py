"""The words around what :mod:`hearfelt.reports.exploration` gathers, and the page they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from hearfelt.corpora.check import CorpusCheck
from hearfelt.reports.exploration import MOST_ON_MAP, Exploration, charts_of, sheets_of
from hearfelt.reports.figures.canvas import percent
from hearfelt.reports.pages import (
    Block,
    Section,
    beside,
    bullets,
    card,
    facts,
    folded,
    notice,
    picture,
    player,
    prose,
    section,
    table,
    warning,
    write_page,
)
from hearfelt.reports.speaker_leakage import FEWEST_CLIPS, Leak

__all__ = ["write_exploration"]

_SOME_GAIN: Final = 0.02  # of all clips; less is chance in a corpus of some hundred clips


def write_exploration(seen: Exploration, path: Path) -> Path:
    """Write the page of a corpus: counts, durations, the sound of each emotion, the map, and the check.

    Args:
        seen: the corpus.
        path: where to.

    Returns:
        ``path``.
    """
    charts = dict(charts_of(seen))
    form = seen.found.form
    published = form.name not in ("folder", "toy")
    title = form.title if form.name != "folder" else seen.found.root.resolve().name
    source = f" Licence: {form.licence}." if published else ""
    return write_page(
        path,
        title,
        _numbers(seen),
        _counts(seen, charts),
        _measures(charts),
        _sounds(seen),
        _map(seen, charts),
        _check(seen.check),
        lead=f"{_size(seen)}{source}",
    )


def _size(seen: Exploration) -> str:
    clips, speakers, emotions = len(seen.clips), len(seen.clips.speakers), len(seen.clips.emotions)
    voices = "1 voice" if speakers == 1 else f"{speakers:,} voices"
    moods = "1 emotion" if emotions == 1 else f"{emotions} emotions"
    return f"{clips:,} clips, {voices}, {moods}: what is in them, how they look, how they sound."


def _numbers(seen: Exploration) -> Block:
    durations = sorted(seen.measured(seen.clips, "duration_s"))
    minutes = sum(durations) / 60
    rates = sorted({seen.facts[clip.sound].rate_hz for clip in seen.clips})
    rate = f"{rates[0] / 1_000:g} kHz" if len(rates) == 1 else f"{len(rates)} different"
    return facts(
        {
            "clips": f"{len(seen.clips):,}",
            "speakers": f"{len(seen.clips.speakers):,}",
            "emotions": str(len(seen.clips.emotions)),
            "altogether": f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.1f} min",
            "median length": f"{durations[len(durations) // 2]:.1f} s" if durations else "–",
            "sampling rate": rate if rates else "–",
        }
    )


def _counts(seen: Exploration, charts: dict[str, Figure]) -> Section:
    clips = seen.clips
    said = ", ".join(f"{emotion} {number:,}" for emotion, number in clips.count("emotion").items())
    upper = [picture(charts["clips-by-emotion"], alt=f"Bars: clips by emotion: {said}.")]
    smaller = []
    for attribute in ("sex", "channel"):
        if f"clips-by-{attribute}" in charts:
            counts = clips.count(attribute)
            alt = ", ".join(f"{value or 'unknown'} {number:,}" for value, number in counts.items())
            smaller.append(picture(charts[f"clips-by-{attribute}"], alt=f"Bars: clips by {attribute}: {alt}."))
    if smaller:
        upper.append(Block("<div>" + "\n".join(block.markup for block in smaller) + "</div>"))
    speakers = clips.count("speaker")
    fewest, most = min(speakers.values(), default=0), max(speakers.values(), default=0)
    alt = f"Bars: clips of each of {len(speakers):,} actors, from {fewest:,} to {most:,}."
    rows = [
        (
            emotion,
            number,
            len(clips.where(emotion=emotion).speakers),
            f"{sum(seen.measured(clips.where(emotion=emotion), 'duration_s')) / 60:.1f}",
        )
        for emotion, number in clips.count("emotion").items()
    ]
    return section(
        "How many",
        beside(*upper),
        picture(charts["clips-by-actor"], alt=alt),
        folded("The same as a table", table(("emotion", "clips", "speakers", "minutes"), rows)),
    )


def _measures(charts: dict[str, Figure]) -> Section:
    return section(
        "How long and how loud",
        prose(
            "At the right a bar holds the middle half of an emotion's clips and a line nine tenths of them; the dot"
            " is the median. The level is that of a whole clip, pauses included: it tells much about an emotion, and"
            " nothing any more once somebody made the recording louder or softer."
        ),
        beside(
            picture(charts["duration"], alt="Histogram: how long clips are."),
            picture(charts["duration-by-emotion"], alt="How long clips of each emotion are."),
            picture(charts["loudness"], alt="Histogram: how loud clips are."),
            picture(charts["loudness-by-emotion"], alt="How loud clips of each emotion are."),
        ),
    )


def _sounds(seen: Exploration) -> Section:
    if not seen.examples:
        return section("How each emotion sounds", notice("No clip in which anything can be heard.", title=""))
    speakers = {example.clip.speaker for example in seen.examples}
    statements = {example.clip.statement for example in seen.examples}
    voice = "one voice" if len(speakers) == 1 else f"{len(speakers)} voices"
    words = ", saying the same words" if len(statements) == 1 and "" not in statements else ""
    cards = []
    for example, sheet in sheets_of(seen):
        clip = example.clip
        told = ", ".join(part for part in (clip.speaker, clip.channel, clip.intensity, clip.name) if part)
        alt = f"Waveform, spectrogram, mel spectrogram and pitch of one {clip.emotion} clip, {clip.name}."
        cards.append(
            card(
                clip.emotion,
                player(example.flac(), label=f"{clip.emotion}: {clip.name}"),
                picture(sheet, alt=alt),
                prose(told),
                emotion=clip.emotion,
            )
        )
    return section(
        "How each emotion sounds",
        prose(
            f"One clip of each, by {voice}{words}. Time and pitch have one scale on all cards, so what looks longer or"
            " higher is; waves and colours fill their own. Silence at both ends is cut off."
        ),
        beside(*cards),
    )


def _verdict(leak: Leak, gain: float) -> tuple[str, str]:
    """Say why voices leak, as far as these numbers show it, and what follows."""
    rule = "A score is true only where no speaker is both learned from and tested on."
    if leak.same_speaker < 2 * leak.same_speaker_by_chance:
        return "Here clips by one voice do not lie together, so a voice gives little away.", rule
    together = "Clips by one voice lie together"
    if gain < _SOME_GAIN:
        return (
            f"{together}, but here with different emotions, so a simple neighbour learns little from the voice.",
            f"A network can still learn voices by heart. {rule}",
        )
    return (
        f"{together}, so a model tested on voices it has heard can answer by the voice instead of the emotion.",
        f"Guess each clip's emotion from its nearest neighbour: {percent(leak.same_emotion)} come out right, but only"
        f" {percent(leak.same_emotion_of_strangers)} when the neighbour has to be somebody else. The {gain * 100:.0f}"
        f" points between come from having heard the speaker before. {rule}",
    )


def _map(seen: Exploration, charts: dict[str, Figure]) -> Section:
    chart = seen.chart
    title = "Why voices leak"
    if chart is None:
        return section(title, notice(f"A map needs {FEWEST_CLIPS} different clips or more; here are fewer.", title=""))
    maps = beside(
        picture(charts["map-by-emotion"], alt="Map of the clips, each a dot coloured by its emotion."),
        picture(charts["map-by-actor"], alt="The same map, each dot coloured by its speaker."),
    )
    drawn = "randomly drawn " if len(chart.clips) == MOST_ON_MAP else "different "
    how = (
        f"Each dot is one of {len(chart.clips):,} {drawn}clips; those whose 162 features are alike lie together"
        " (t-SNE). Distances across the map mean little; who lies beside whom means much."
    )
    if chart.leak is None:
        why = "Nobody wrote down who speaks in all of these clips, so it cannot be told how much the voices give away."
        return section(title, prose(how), maps, notice(why, title=""))
    leak = chart.leak
    gain = leak.same_emotion - leak.same_emotion_of_strangers
    why, so = _verdict(leak, gain)
    return section(
        title,
        prose(why),
        facts(
            {
                f"nearest clip is by the same speaker ({percent(leak.same_speaker_by_chance)} by chance)": (
                    percent(leak.same_speaker)
                ),
                f"nearest clip has the same emotion ({percent(leak.same_emotion_by_chance)} by chance)": (
                    percent(leak.same_emotion)
                ),
                "the same, when only other speakers count": percent(leak.same_emotion_of_strangers),
            }
        ),
        maps,
        prose(how),
        prose(so.replace(" %", "\N{NO-BREAK SPACE}%")),
    )


def _check(check: CorpusCheck) -> Section:
    if check.complete:
        verdict = notice("Nothing is missing, damaged or in doubt.", title="Complete")
    else:
        verdict = warning("; ".join(check.faults).capitalize() + ".", title="Not complete")
    found = {
        "missing": list(check.missing),
        "the same sound under different names": [" = ".join(group) for group in check.duplicates],
        "second copies": [f"{copy}: {kept} is used" for copy, kept in check.copies.items()],
        "contradictions": list(check.contradictions),
        "no clips of this corpus": _told(check.unrecognized),
        "unreadable": _told(check.unreadable),
        "silent": list(check.silent),
        "clipped": list(check.clipped),
        "odd": _told(check.odd),
        "left out of training": _told(check.unfit),
        "labels that look misspelt": [f"{label}: probably {meant}" for label, meant in check.mislabelled.items()],
    }
    lists = [folded(f"{name} ({len(items):,})", bullets(items)) for name, items in found.items() if items]
    rows = [(name, len(items)) for name, items in found.items()]
    remarks = [bullets(list(check.remarks))] if check.remarks else []
    return section("What the check found", verdict, *remarks, table(("what", "how many"), rows), *lists)


def _told(reasons: Mapping[str, str]) -> list[str]:
    return [f"{name}: {reason}" for name, reason in reasons.items()]
