"""The data set: where it comes from, its four IDX files, how it is split, and the arrays that later stages read."""
