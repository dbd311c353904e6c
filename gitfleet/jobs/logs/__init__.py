"""What a manager tells of its work: kept as lines in the state directory, for whoever asks, whether it runs or not."""
