"""Words of the page's scripts: the browser gets them with a component's data, in the visitor's language."""

from __future__ import annotations

from hearfelt.inference.prediction import UNSURE_WORD
from hearfelt.reports.translation import _, language

__all__ = ["player_words", "recorder_words", "table_words"]


def recorder_words() -> dict[str, str]:
    """Return the words of ``recorder.js``."""
    return {
        "record": _("Record your voice"),
        "asking": _("Your browser asks for the microphone. Please allow it."),
        "stop": _("Stop"),
        "speak": _("Speak now."),
        "sending": _("One moment …"),
        "again": _("Record again"),
        "retry": _("Try again"),
        "NotAllowedError": _(
            "The microphone was refused. Allow it for this page in your browser, and try again; or upload a recording."
        ),
        "NotFoundError": _("No microphone was found. Connect one, and try again; or upload a recording."),
        "NotReadableError": _(
            "The microphone can't be used: another program may be using it. Close that program, and try again."
        ),
        "insecure": _(
            "Browsers allow the microphone only on the same computer, or over https. Upload a recording instead."
        ),
        "silent": _(
            "Nothing was heard. Is this the right microphone? Move closer, or speak a little louder, and try again."
        ),
        "short": _("That was too short. Press the button, speak, and press it again."),
        "other": _("This browser can't record. Upload a recording instead."),
    }


def player_words() -> dict[str, str]:
    """Return the words of ``player.js``; ``{…}`` is filled in by the script."""
    return {
        "language": language(),
        "spectrogram": _("Spectrogram: low frequencies below, high frequencies above"),
        "position": _("Position in seconds"),
        "speed": _("Speed"),
        "select": _("Select a stretch"),
        "stretch": _("Stretch"),
        "from": _("from"),
        "to": _("to"),
        "start": _("Start of the stretch in seconds"),
        "end": _("End of the stretch in seconds"),
        "loop": _("Loop"),
        "zoom": _("Zoom in"),
        "recognize": _("Recognize this stretch"),
        "is": _("It is"),
        "say": _("What the stretch is"),
        "clear": _("Clear"),
        "play": _("Play {name}"),
        "pause": _("Pause {name}"),
        "at": _("{now} of {whole} seconds"),
        "nothing": _("no speech here"),
        "unsure": _(UNSURE_WORD),
        "times": _("Time of each emotion"),
    }


def table_words() -> dict[str, str]:
    """Return the words of ``sounds.js``; ``{…}`` is filled in by the script."""
    return {
        "sound": _("sound"),
        "emotion": _("emotion"),
        "confidence": _("confidence"),
        "length": _("length"),
        "play": _("Play {name}"),
        "remove": _("Remove {name}"),
        "found": _("{found} of {all}"),
    }
