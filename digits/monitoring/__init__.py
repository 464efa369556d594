"""What was served, against the validation images of the model that served it."""
