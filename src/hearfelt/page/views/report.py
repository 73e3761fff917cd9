"""A report of one sound: a page that is one file, with its player, what was found, and the card of each model."""

from __future__ import annotations

import json
from collections.abc import Sequence

from markupsafe import Markup

from hearfelt.inference.explain.occlusion import Occlusion
from hearfelt.inference.explain.shapley import Explanation
from hearfelt.inference.recognizer import model_path
from hearfelt.page.player import player_assets, player_data, sound_data
from hearfelt.page.preview import smaller
from hearfelt.page.recognition import recognizer_of
from hearfelt.page.session import Correction, LoadedSound
from hearfelt.page.style import page_style, read_static
from hearfelt.page.texts import length_text
from hearfelt.page.views.model import NOT_FOR, model_facts
from hearfelt.page.views.result import explanation_html, result_html
from hearfelt.reports.templating import render

__all__ = ["report_html"]


def report_html(sound: LoadedSound, models: Sequence[str], corrections: Sequence[Correction] = ()) -> str:
    """Return the page. It loads nothing, and sends nothing.

    Args:
        sound: the sound, decoded and answered by each model.
        models: names of one or two.
        corrections: what the visitor said about files; those of this file are shown.
    """
    css, js = player_assets()
    timelines = {model: one for model in models if (one := sound.results[model].timeline) is not None}
    data = {"player": player_data(sound, timelines), **(sound_data(smaller(sound.playable)) if sound.playable else {})}
    return render(
        "hearfelt.page",
        "report.html",
        title=sound.name,
        length=length_text(sound.duration_s),
        note=sound.file.note,
        style=_own(page_style() + read_static("model.css") + css),
        script=_own(js),
        data=_own(json.dumps(data, allow_nan=False).replace("<", "\\u003c")),
        answers=[_own(result_html(sound, model, timelines.get(model), who=model)) for model in models],
        explanations=_explanations(sound, models),
        corrections=[one for one in corrections if one.path == sound.file.name],
        cards=[(model, model_facts(recognizer_of(model).card, model_path(model).stat().st_size)) for model in models],
        not_for=NOT_FOR,
    )


def _explanations(sound: LoadedSound, models: Sequence[str]) -> list[tuple[str, Markup]]:
    found = [(model, sound.results[model].explanation) for model in models]
    return [(model, _own(explanation_html(one))) for model, one in found if isinstance(one, Explanation | Occlusion)]


def _own(text: str) -> Markup:
    return Markup(text)  # noqa: S704  # our own, and escaped by its template
