"""How does a session outlive its process?"""
