"""An agent behind HTTP: sessions of toolrun that outlive the worker that drives them."""
