"""git plumbing, one module per noun. The git program does refs and transport; objects have two back ends."""
