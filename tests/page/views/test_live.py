from __future__ import annotations

from streamlit.testing.v1 import AppTest


def alone() -> None:
    from hearfelt.page.settings import PageSettings
    from hearfelt.page.views.live import show

    show(PageSettings(live_address=None))


def test_without_a_service_the_view_says_so_and_offers_a_recording() -> None:
    app = AppTest.from_function(alone, default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "Live microphone not available"
    assert [button.label for button in app.button] == ["Record instead"]
