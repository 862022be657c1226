#!/bin/bash
# Prints a port of loopback that nobody listens on, below those that the system gives to outgoing connections: a server that
# is restarted has to find it free.
exec python3 -c 'import random, socket
while True:
    port = random.randrange(12000, 32000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
