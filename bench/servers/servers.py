"""The servers of the bench on asyncio's streams: servers.py http|echo|once [--uvloop]. The same programs as in ours.ts."""

import asyncio
import gc
import signal
import sys

BODY = b"Hello, world!"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sContent-Length: %d\r\n\r\n%s"
ANSWER = HEAD % (b"", len(BODY), BODY)
LAST_ANSWER = HEAD % (b"Connection: close\r\n", len(BODY), BODY)


async def http(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def once(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(LAST_ANSWER)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    program = {"http": http, "echo": echo, "once": once}[sys.argv[1]]
    server = await asyncio.start_server(program, "127.0.0.1", 0, backlog=4096)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


signal.signal(signal.SIGUSR2, lambda *_: gc.collect())
if "--uvloop" in sys.argv:
    import uvloop

    uvloop.install()
asyncio.run(main())
