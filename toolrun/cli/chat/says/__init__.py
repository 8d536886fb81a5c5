"""What may a message hold beside words? Files (`@path`), and what commands print (`!ls`)."""
