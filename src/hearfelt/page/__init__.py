"""The page: a Streamlit app with the views Listen, Live and Model; it shows what a recognizer says, no more."""
