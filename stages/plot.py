"""Stage plot: the pictures and the page of the report, from data/processed and what the earlier stages measured."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from digits import paths
from digits.data.dataset import Dataset
from digits.files import atomic_path, write_text
from digits.params import Params, flatten, seed_settings
from digits.program import end_with_parent, progress
from digits.report.figures import FIGURES, named_answers, report_data
from digits.report.run_facts import run_facts
from digits.report.run_page import run_page
from digits.results import working_copy
from digits.style import save_figure

# The parameters on the page; each of them is one of the stage in dvc.yaml.
_SHOWN = ("fetch.files.", "preprocess.", "train.", "evaluate.")


def main(params: Params) -> None:
    """Read data/processed and reports/; replace reports/plots/ as a whole, index.html and answers.csv beside it."""
    # The page is made beside the pictures: each takes half of the time.
    with ProcessPoolExecutor(1, initializer=end_with_parent) as beside:
        page = beside.submit(_page, params)
        results = working_copy()
        data = report_data(Dataset(paths.PROCESSED), results, params.plot, params.evaluate.calibration_bins)
        with atomic_path(paths.PLOTS) as folder:
            for name, figure in progress(FIGURES.items(), "pictures"):
                save_figure(figure(data), folder / f"{name}.png", params.plot.dpi)
            text = page.result()
    write_text(paths.REPORT, text)
    write_text(paths.ANSWERS, named_answers(results).to_csv(index=False))
    print(f"plot: {len(FIGURES)} pictures in {paths.PLOTS}, all on one page: {paths.REPORT}")


def _page(params: Params) -> str:
    shown = {key: value for key, value in flatten(params).items() if key.startswith(_SHOWN)}
    results = replace(working_copy(), params=shown)
    images = Dataset(paths.PROCESSED).arrays("test")[0]
    bins, most = params.evaluate.calibration_bins, params.plot.mistakes
    facts = run_facts(results, seed_settings())
    return run_page(facts, results, images, bins, most, results.find(paths.VALIDATION_FIGURE))
