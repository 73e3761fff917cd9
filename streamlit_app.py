"""The page for Streamlit Community Cloud; on your own computer use ``hearfelt app``."""

from __future__ import annotations

from hearfelt.page.app import main

main()
