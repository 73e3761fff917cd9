"""Words of the live page's scripts, in the reader's language."""

from __future__ import annotations

from hearfelt.reports.translation import _

__all__ = ["live_words"]


def live_words() -> dict[str, object]:
    """Return the words; ``{…}`` is filled in by the scripts."""
    return {
        "start": _("Start listening"),
        "stop": _("Stop"),
        "again": _("Start again"),
        "retry": _("Try again"),
        "permission": _("Microphone permission"),
        "asking": _("Your browser asks for the microphone. Please allow it."),
        "moment": _("One moment"),
        "last": _("The last words are being processed."),
        "listening": _("Listening"),
        "silence": _("No speech yet."),
        "unclear": _("Speech, but no clear emotion yet."),
        "at": _("at {time}"),
        "nothing": (
            _("No speech was found"),
            _("Is this the right microphone? Move closer, or speak a little louder."),
        ),
        "mostly": (_("mostly {emotion}"), _("{share} % of {time} of speech")),
        "mixed": (_("mixed"), _("Most of all {emotion}, {share} % of {time} of speech")),
        "times": _("Time of each emotion"),
        "emotions": _("Emotions"),
        "segments": _("Segments"),
        "play": _("Play {name}"),
        "is": _("It is"),
        "isAt": _("It is, at {time}"),
        "problems": _problems(),
    }


def _problems() -> dict[str, tuple[str, str]]:
    """Return title and advice of each problem of a stream."""
    return {
        "refused": (
            _("The microphone is not allowed"),
            _("Allow it for this page, next to the address in your browser, and try again."),
        ),
        "missing": (
            _("No microphone found"),
            _("Connect one or switch it on, and try again."),
        ),
        "in-use": (
            _("The microphone can't be used"),
            _("Another program may be using it. Close that program, and try again."),
        ),
        "disconnected": (
            _("The microphone was disconnected"),
            _("Connect it again, and restart. The segments so far are listed below."),
        ),
        "insecure": (
            _("No microphone on this address"),
            _("Browsers give the microphone only to pages on this computer and to pages with https."),
        ),
        "unreachable": (
            _("The service can't be reached"),
            _("It may not be running, or the network blocks it. Try again in a moment."),
        ),
        "lost": (
            _("The connection was lost"),
            _("The segments so far are listed below. Restart when the service is back."),
        ),
        "overloaded": (
            _("This computer can't keep up"),
            _("It is too busy to process the sound in real time. The segments so far are listed below."),
        ),
        "slow": (
            _("The sound arrives too slowly"),
            _("The service is too busy, or the connection too slow. The segments so far are listed below."),
        ),
        "busy": (
            _("The service is busy"),
            _("All of its streams are in use. Try again in a moment."),
        ),
        "key": (
            _("An API key is needed"),
            _("The operator of this service can give you one."),
        ),
        "ended": (
            _("The service ended the stream"),
            _("The segments so far are listed below."),
        ),
        "unsupported": (
            _("This browser is not supported"),
            _("The microphone could not be opened. A newer browser may help."),
        ),
    }
