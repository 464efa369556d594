"""Review: what a pull request changes, and what that does to the model, for CI and for a person."""
