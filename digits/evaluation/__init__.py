"""How good a model is, and which of several is better: metrics, their uncertainty, tests. Pure: reads no file."""
