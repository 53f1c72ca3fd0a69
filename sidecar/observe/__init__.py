"""How the sidecar is doing, for those who ask from outside: the state of its health, and the socket that tells it.

Reads what the other rooms did and changes nothing in them. What is asked for over the network comes here, too.
"""
