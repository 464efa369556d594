from digits.report.sheet import Picture, render


def test_a_page_has_nothing_from_elsewhere_and_shows_any_words_as_they_are():
    pictures = [Picture(["data:image/png;base64,AA"], "<b>7</b>", ["row {{ 1 }}"])]
    page = render(
        "data_changes.html", before="a", after="<i>", sentence="s", notes=[], headings=[], tables=[],
        kinds=[("Added", 1, [("train", 1, pictures)])],
    )  # fmt: skip
    assert "&lt;b&gt;7&lt;/b&gt;" in page and "row {{ 1 }}" in page and "<i>" not in page
    assert "http" not in page and "<script" not in page and "url(" not in page
    assert "prefers-color-scheme: dark" in page and "@media print" in page
