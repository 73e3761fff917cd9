"""What a visitor says that recordings have in common, so that a model can compare them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st

from hearfelt.page.recognition import compare_with_references, recognizer_of
from hearfelt.page.session import LoadedSound, Visit
from hearfelt.page.style import fragment
from hearfelt.page.texts import reference_text
from hearfelt.reports.translation import _, marked

__all__ = ["put_forget", "put_reference"]

_TOGETHER: Final = marked(
    "They are of one voice, or of one room and microphone: each is compared with what is usual in all."
)
_REMEMBER: Final = marked("Other sounds are compared with what is usual for this voice. It takes a few recordings.")


def put_reference(visit: Visit, sound: LoadedSound, models: Sequence[str]) -> None:
    """Compare the sounds of a visit with their references, and show what can be changed about them.

    Args:
        visit: with all sounds.
        sound: the one that is shown.
        models: names of one or two; nothing is shown if the first takes no reference.
    """
    with st.spinner(_("Finding what is usual for this voice …")):
        compare_with_references(visit, models)
    model = models[0]
    if not recognizer_of(model).takes_reference:
        return
    reference, together, remember = sound.references.get(model), "hf-together", f"hf-remember-{sound.key}"
    st.session_state[together], st.session_state[remember] = visit.is_together, sound.key in visit.remembered
    with st.container(horizontal=True, key="hf-reference", vertical_alignment="center"):
        if len(visit.sounds) > 1:
            turn = partial(_turn_together, visit, together)
            st.toggle(_("These recordings belong together"), key=together, on_change=turn, help=_(_TOGETHER))
        turn = partial(_turn_remember, visit, sound, remember)
        st.toggle(_("Remember this voice for this visit"), key=remember, on_change=turn, help=_(_REMEMBER))
        if visit.remembers_voice:
            put_forget(visit)
        if reference is not None:
            st.download_button(
                _("Save the reference"), reference.to_json, "reference.json", "application/json", on_click="ignore"
            )
    st.html(fragment("result", "small_print", reference_text(reference, recognizer_of(model).card)))


def put_forget(visit: Visit) -> None:
    """Show the button that forgets a voice."""
    st.button(_("Forget the voice"), on_click=visit.forget, type="tertiary")


def _turn_together(visit: Visit, key: str) -> None:
    visit.is_together = bool(st.session_state.get(key, visit.is_together))


def _turn_remember(visit: Visit, sound: LoadedSound, key: str) -> None:
    """Remember a voice or no longer, as its toggle says; Streamlit also calls this for one that has vanished."""
    is_remembered = sound.key in visit.remembered
    if bool(st.session_state.get(key, is_remembered)) != is_remembered:
        visit.remember(sound)
