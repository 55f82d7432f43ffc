"""An SMTP server for tests, on aiosmtpd: each mail becomes a file of the folder; prints its port.

    smtp.py FOLDER [CERT KEY USER PASSWORD]

With a certificate it wants STARTTLS and then a sign-in. A file `refuse` in the folder has it refuse every mail for now.
"""

import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, rest = sys.argv[1], sys.argv[2:]
options = {}
if rest:
    certificate, key, user, password = rest
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def signed_in(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        # Not handled: the server is to tell the client.
        return AuthResult(success=right, handled=False)

    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": signed_in}


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        if os.path.exists(os.path.join(folder, "refuse")):
            return "451 4.3.2 not now"
        Keep.count += 1
        name = os.path.join(folder, f"{Keep.count:03}.eml")
        head = f"X-From: {envelope.mail_from}\r\nX-To: {','.join(envelope.rcpt_tos)}\r\n".encode()
        with open(name + ".part", "wb") as file:
            file.write(head + envelope.content)
        os.rename(name + ".part", name)
        return "250 2.0.0 kept"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Keep(), hostname="test", **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
