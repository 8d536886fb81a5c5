"""What does hostile code do? A module for each kind; standard library only, as it runs in the box.

The same code runs outside as a control. It returns what it saw: "done", or the name of the error.
"""
