"""What is put into coding agents' own settings so that they call us, and how it is taken out again."""
