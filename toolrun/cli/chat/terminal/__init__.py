"""How is a conversation held at a terminal: an input that stands below what scrolls by?"""
