"""The command line: one file a command. A command reads words, calls the act in its room, and prints."""
