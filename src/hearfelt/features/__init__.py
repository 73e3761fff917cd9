"""Numbers computed from sound with numpy alone."""
