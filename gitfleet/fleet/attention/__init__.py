"""What needs a person: items that are made from what there is, and which of them a person has read."""
