"""The report of a run: all that is known of it on one page of HTML that needs no network."""

from __future__ import annotations

import base64
from pathlib import Path

from digits.arrays import Rows
from digits.report.comparison_figures import differences_figure, svg_uri
from digits.report.figures import OF_RESULTS
from digits.report.images import confident_mistakes
from digits.report.run_facts import RunFacts, Standing
from digits.report.sheet import Picture, png_uri, render
from digits.results import Results

# What a figure shows, for who does not see it. The numbers stand in tables as well.
ALTERNATIVES = {
    "curves": "Loss and accuracy after each epoch, in training and validation; the best and the last epoch are marked",
    "confusion": "Confusion matrix: how many test images of each class got which answer",
    "confusion_rates": "Confusion matrix: which share of the test images of each class got which answer",
    "per_class": "Precision, recall and F1 of each class, as in the table below",
    "reliability": "Accuracy against the probability of the answer, in bins, with the number of images in each",
    "risk_coverage": "Share of wrong among the accepted test images against the share that is accepted",
    "robustness": "Accuracy against the strength of each change of the test images; the worst of each is in the table",
    "validation": "Raw data: share of each class, distribution of the ink, and the mean image of each class",
    "differences": "Difference in accuracy to the champion, with its interval",
}


def run_page(
    facts: RunFacts, results: Results, images: Rows | None, bins: int, most: int, validation: Path | None = None
) -> str:
    """The page, with the same bytes for the same run.

    Args:
        facts: in words, of `run_facts`.
        results: of the same model.
        images: the test images, uint8 (n, height, width), or None where they are not at hand.
        bins: of the reliability diagram.
        most: how many of the most confident mistakes are shown.
        validation: the picture of the raw data, PNG; None where there is none.

    Returns:
        HTML with all styles and pictures inside; it loads nothing and runs no script.

    Raises:
        DigitsError: a file of the results is missing or damaged.
    """
    names = list(results.metrics["per_class"])
    wrong = confident_mistakes(results.predictions, most)
    figures = {
        name: svg_uri(figure(results, bins))
        for name, figure in OF_RESULTS.items()
        if name != "robustness" or results.robustness is not None
    }
    if validation is not None:
        figures["validation"] = "data:image/png;base64," + base64.b64encode(validation.read_bytes()).decode()
    if (forest := _forest(facts.standing)) is not None:
        figures["differences"] = forest
    return render(
        "run_page.html",
        r=facts,
        figures=figures,
        alternatives=ALTERNATIVES,
        per_class=results.metrics["per_class"].items(),
        wrong=int((results.predictions["actual"] != results.predictions["predicted"]).sum()),
        shown=len(wrong),
        mistakes=None
        if images is None
        else [
            Picture(
                [png_uri(images[image])],
                f"{names[actual]}, answered {names[predicted]}",
                [f"{probability:.2%} sure", f"image {image}"],
            )
            for image, actual, predicted, probability in zip(
                *(wrong[name].tolist() for name in ("image", "actual", "predicted", "probability")), strict=True
            )
        ],
    )


def _forest(standing: Standing | None) -> str | None:
    if standing is None or standing.comparison is None:
        return None
    paired = [entry for entry in standing.comparison.entries if entry.paired]
    return svg_uri(differences_figure(paired)) if paired else None
