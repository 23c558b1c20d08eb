"""A stand-in for a ClickHouse server: its HTTP interface over the embedded engine, for tests.

    python -m tests.support.gateway --path DIR [--port 0] [--ready-file F] [--user NAME:PASSWORD[:readonly]]

Tests use `running_gateway`, which owns the process. Beside ClickHouse's own paths there are three for
tests, open to anybody on the loopback: POST /fault arms a `Fault`, GET /requests lists the
statements received, POST /changes those that changed a database since it was asked last. Every
request gets its own engine connection, so sessions (SET and temporary tables that outlive a request)
do not exist here, nor do external data and the compress= framing.
"""
