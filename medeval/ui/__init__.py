"""The pages: one tab per file; gradio is imported only here and in app.py."""
