"""Which branches will conflict with each other and with the trunk, before anybody merges them."""
