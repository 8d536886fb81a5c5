"""How does podman or docker make a box? From no image: the box sees what bubblewrap's would see."""
