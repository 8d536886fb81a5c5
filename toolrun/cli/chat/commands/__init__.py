"""What may a person type instead of a message?"""
