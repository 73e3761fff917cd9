"""What Streamlit Community Cloud runs; on one's own computer, ``hearfelt app`` does more."""

from __future__ import annotations

from hearfelt.page.app import main

main()
