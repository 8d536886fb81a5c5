"""How does sandlock make a box, of Landlock and seccomp, and what does that not hold?"""
