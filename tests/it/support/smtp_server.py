"""A scripted SMTP server for the tests of the SMTP carrier.

    smtp_server.py <folder> [--tls-cert <pem> --tls-key <pem> --mode plain|starttls|tls] [--login user:password]

Prints `PORT <number>` when it listens, writes every message it takes over as `<folder>/<n>.eml` with the envelope in
front (X-Envelope-From, X-Envelope-To), and ends when its standard input closes. The local part of the recipient is
the script: `to-550`, `to-451`, `dot-554`, `dot-451`, `dot-421` answer with that code at RCPT or after the final dot;
`drop-before` takes the message over and closes without answering, `drop-data` closes when the message begins,
`close-after` answers 250 and then hangs up,
`silent` never answers the final dot, `garbage` answers it with something that is not SMTP.
"""

import argparse
import asyncio
import logging
import pathlib
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Script:
    def __init__(self, folder):
        self.folder = folder
        self.taken = 0

    def keep(self, envelope):
        self.taken += 1
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {','.join(envelope.rcpt_tos)}\r\n"
        part = self.folder / f"{self.taken}.part"
        part.write_bytes(head.encode() + envelope.content)
        part.rename(self.folder / f"{self.taken}.eml")

    async def handle_RCPT(self, server, session, envelope, address, options):
        word = address.split("@")[0]
        if word.startswith("to-"):
            return f"{word[3:]} scripted answer for {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        word = envelope.rcpt_tos[0].split("@")[0]
        if word.startswith("dot-"):
            return f"{word[4:]} scripted answer for {envelope.rcpt_tos[0]}"
        self.keep(envelope)
        if word == "drop-before":
            server.transport.abort()
            return "250 never seen"
        if word == "silent":
            await asyncio.sleep(3600)
        if word == "garbage":
            return "what was that"
        return f"250 2.0.0 Ok: queued as Q{self.taken}"


class Server(SMTP):
    """Closes the connection where the script says so."""

    async def smtp_DATA(self, arg):
        words = [address.split("@")[0] for address in self.envelope.rcpt_tos]
        if words == ["drop-data"]:
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)
        if words == ["close-after"] and self.transport is not None:
            self.transport.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--mode", choices=["plain", "starttls", "tls"], default="plain")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--login")
    asked = parser.parse_args()

    context = None
    if asked.mode != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(asked.tls_cert, asked.tls_key)

    def authenticate(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=given == asked.login, handled=False)

    # Refused handshakes and logins are part of the script.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    script = Script(asked.folder)

    def session():
        return Server(
            script,
            enable_SMTPUTF8=True,
            require_starttls=asked.mode == "starttls",
            tls_context=context if asked.mode == "starttls" else None,
            authenticator=authenticate if asked.login else None,
            auth_required=bool(asked.login),
            auth_require_tls=False,
        )

    async def serve():
        loop = asyncio.get_running_loop()
        outer = context if asked.mode == "tls" else None
        server = await loop.create_server(session, "127.0.0.1", 0, ssl=outer)
        print(f"PORT {server.sockets[0].getsockname()[1]}", flush=True)
        ended = asyncio.Event()

        def wait_for_end():
            sys.stdin.read()
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=wait_for_end, daemon=True).start()
        await ended.wait()

    asyncio.run(serve())


main()
