"""How does bubblewrap, without root, daemon or image, make a box?"""
