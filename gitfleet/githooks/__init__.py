"""What git calls. The way to "yes" imports the standard library only."""
