"""How is the embedded model made: its data, its training, its evaluation, its export?"""
