"""Stage plot: the pictures of the report, from the processed data and the results of train and evaluate."""

from digits import paths
from digits.data.dataset import Dataset
from digits.files import atomic_path
from digits.params import Params
from digits.report.figures import FIGURES, report_data
from digits.results import working_copy
from digits.style import save_figure


def main(params: Params) -> None:
    """Read data/processed and reports/; replace reports/plots/ as a whole."""
    data = report_data(Dataset(paths.PROCESSED), working_copy(), params.plot, params.evaluate.calibration_bins)
    with atomic_path(paths.PLOTS) as folder:
        for name, figure in FIGURES.items():
            save_figure(figure(data), folder / f"{name}.png", params.plot.dpi)
    print(f"plot: {len(FIGURES)} pictures in {paths.PLOTS}")
