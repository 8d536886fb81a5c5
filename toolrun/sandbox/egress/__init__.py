"""How does a box reach the hosts that its profile lists, and no others?

A box has no route. What its loopback takes at one port is answered by the proxy, which runs in this
process: `Way` holds that port, `Proxy` serves it while a call runs.
"""
