"""Many pictures, as the command line names them: files, folders and standard input, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from digits.pictures.file import SUFFIXES, Picture, PictureError, load_picture, shown
from digits.pictures.read import Prediction, Reader, predict

# The end of an explanation's file name.
EXPLAINED = "-explained.png"


def predict_all(
    arguments: Iterable[str],
    reader: Reader,
    stdin: Callable[[], bytes],
    explain_folder: Path | None = None,
) -> Iterator[Prediction | PictureError]:
    """Read pictures one after the other. A picture that cannot be read yields its error, and the next one is read.

    Args:
        arguments: files, folders or `-`.
        reader: a model.
        stdin: reads all of standard input.
        explain_folder: where the explanation of each picture is written; None writes none.
    """
    files = list(expand(arguments))
    # The user's pictures are never overwritten, not even one that is named like an explanation.
    taken = {Path(file).resolve() for file in files}
    for argument in files:
        try:
            picture = load(argument, stdin)
        except PictureError as error:
            yield error
            continue
        prediction = predict(picture, reader)
        if explain_folder is not None:
            # Imported here because Matplotlib is slow to load, and most calls explain nothing.
            from digits.pictures.explanation import draw_explanation

            draw_explanation(picture, prediction, reader, explanation_path(explain_folder, argument, taken))
        yield prediction


def expand(arguments: Iterable[str]) -> Iterator[str]:
    """Replace each folder by the pictures in it, sorted by name, and leave everything else as it is.

    The explanations of an earlier call are not among the pictures of a folder.
    """
    for argument in arguments:
        if argument != "-" and Path(argument).is_dir():
            pictures = (path for path in Path(argument).iterdir() if path.suffix.lower() in SUFFIXES)
            files = sorted(path for path in pictures if not path.name.endswith(EXPLAINED))
            # A folder without pictures is passed on, and `load` reports it.
            yield from [str(path) for path in files] or [argument]
        else:
            yield argument


def load(argument: str, stdin: Callable[[], bytes]) -> Picture:
    """Load the picture that a command-line argument names; `-` is standard input.

    Raises:
        PictureError: as `load_picture`; or a folder without pictures.
    """
    if argument == "-":
        return load_picture(stdin(), "standard input")
    if Path(argument).is_dir():
        raise PictureError(f"{shown(argument)}: no picture in this folder ({', '.join(sorted(SUFFIXES))})")
    return load_picture(argument)


def explanation_path(folder: Path | str, argument: str, taken: set[Path]) -> Path:
    """Where the explanation of a picture is written: `<stem>-explained.png`, with a number if that path is taken.

    Args:
        folder: of the explanations.
        argument: the picture's path, or `-`.
        taken: resolved paths that must not be written to; the result is added.
    """
    stem = "stdin" if argument == "-" else shown(Path(argument).stem)
    path, number = Path(folder) / f"{stem}{EXPLAINED}", 2
    while path.resolve() in taken:
        path, number = Path(folder) / f"{stem}-{number}{EXPLAINED}", number + 1
    taken.add(path.resolve())
    return path
