"""How do users test their agents?"""
