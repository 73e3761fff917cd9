"""The page: a Streamlit app with the views Listen, Live and Model."""
