"""What each command does: load, compute or ask, and print one report."""
