"""The command line: a file for each command, and the only place where the rooms meet."""
