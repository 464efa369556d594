"""From a picture file to the digits in it: file, sheet, ink, strokes, MNIST's form, and what a model reads there."""
