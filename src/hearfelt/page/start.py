"""The script that Streamlit runs for every visit and every change."""

from __future__ import annotations

from hearfelt.page.app import main

if __name__ == "__main__":
    main()
