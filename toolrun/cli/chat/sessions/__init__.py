"""Which sessions are there to talk in, and how is one of them taken up again?"""
