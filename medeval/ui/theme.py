"""The look of Gradio's own widgets: calm teal on near-white, system fonts only, so nothing is fetched."""

import gradio as gr

FONTS = ("-apple-system", "PingFang SC", "Segoe UI", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def make_theme() -> gr.themes.Base:
    """The theme of all pages."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
        font=list(FONTS),
        font_mono=list(MONO),
    )
    return theme.set(
        body_background_fill="#f4f8f7",
        body_background_fill_dark="#0f1716",
        body_text_color="#1d2d2b",
        body_text_color_dark="#e2ecea",
        background_fill_primary_dark="#162120",
        background_fill_secondary_dark="#1b2826",
        block_background_fill="#ffffff",
        block_background_fill_dark="#162120",
        block_border_color="#dfe9e7",
        block_border_color_dark="#2a3a38",
        border_color_primary="#dfe9e7",
        border_color_primary_dark="#2a3a38",
        block_border_width="1px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="#5b706d",
        block_label_text_color_dark="#93a8a4",
        block_title_text_color="#47605c",
        block_title_text_color_dark="#a9bdb9",
        block_title_text_size="0.85rem",
        block_label_text_size="0.85rem",
        input_background_fill="#ffffff",
        input_background_fill_dark="#111b1a",
        input_border_width="1px",
        input_border_color="#d3dfdd",
        input_border_color_dark="#31433f",
        input_border_color_focus="#2b9a8b",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#0b5f58",
        button_primary_background_fill_dark="#12897f",
        button_primary_background_fill_hover_dark="#169c91",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#1b2826",
        button_secondary_border_color="#d3dfdd",
        button_secondary_border_color_dark="#31433f",
        button_cancel_background_fill="#fff1ef",
        button_cancel_background_fill_dark="#3a1f1c",
        button_cancel_text_color="#b23a2e",
        button_cancel_text_color_dark="#f0a79f",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_dark="#1b2826",
        checkbox_label_background_fill_selected="#e9f5f2",
        checkbox_label_background_fill_selected_dark="#183a35",
        checkbox_label_border_color="#dfe9e7",
        checkbox_label_text_color_selected="#1d2d2b",
        checkbox_label_text_color_selected_dark="#e2ecea",
        checkbox_background_color_selected="#0f766e",
        checkbox_background_color_selected_dark="#14a093",
        checkbox_border_color_selected="#0f766e",
    )
