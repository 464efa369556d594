"""What the stages and the command line share: pure functions, one concept a file."""
