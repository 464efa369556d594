"""Stage perturb: change test images in the ways that robustness is measured on. No model decides anything here."""

from digits import paths
from digits.data.dataset import Dataset
from digits.evaluation.perturbation import perturb, save_perturbed
from digits.params import Params


def main(params: Params) -> None:
    """Read section `evaluate.robustness` and data/processed; write data/perturbed.npz."""
    dataset = Dataset(paths.PROCESSED)
    perturbed = perturb(dataset.arrays("test")[0], dataset.labels("test"), params.evaluate.robustness)
    save_perturbed(perturbed, paths.PERTURBED)
    print(
        f"perturb: {len({one.perturbation for one in perturbed}) - 1} kinds of change, {len(perturbed)} sets of images"
    )
