"""How does a conversation look: its events as blocks, and blocks as lines of a terminal?"""
