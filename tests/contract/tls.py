"""TLS as other implementations speak it: Python's ssl, openssl s_client and curl."""

import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import warnings

from common import Authority, Weir, main, payment, tool

warnings.simplefilter("ignore", DeprecationWarning)


def with_certificates(test, clients):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        authority = Authority(folder)
        chain, key = authority.certify("localhost")
        flags = ["--tls-cert", chain, "--tls-key", key]
        if clients:
            flags += ["--client-ca", authority.pem]
        with Weir(*flags) as weir:
            return test(weir, authority, folder)


def request(name):
    body = json.dumps(payment(name)).encode()
    head = f"POST /v1/decisions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask(weir, context, name, alpn=()):
    """The version, what was agreed on by ALPN, and the first line of the answer; or none of them and the error."""
    if alpn:
        context.set_alpn_protocols(list(alpn))
    try:
        with socket.create_connection(("127.0.0.1", weir.port), timeout=20) as tcp:
            with context.wrap_socket(tcp, server_hostname="localhost") as tls:
                tls.sendall(request(name))
                answer = b""
                while part := tls.recv(65536):
                    answer += part
                return tls.version(), tls.selected_alpn_protocol(), answer.split(b"\r\n")[0]
    except (ssl.SSLError, ConnectionError) as error:
        return None, None, error


def context(authority, least, most, own=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority.pem)
    if least < ssl.TLSVersion.TLSv1_2:
        # The system's policy would refuse before weir could.
        made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = least, most
    if own:
        made.load_cert_chain(*own)
    return made


def check_versions_and_alpn():
    def test(weir, authority, _):
        version = ssl.TLSVersion
        for number, name in [(version.TLSv1_2, "TLSv1.2"), (version.TLSv1_3, "TLSv1.3")]:
            for offered, agreed in [((), None), (("http/1.1",), "http/1.1"), (("h2", "http/1.1"), "h2")]:
                if agreed == "h2":
                    made = context(authority, number, number)
                    made.set_alpn_protocols(list(offered))
                    with socket.create_connection(("127.0.0.1", weir.port)) as tcp:
                        with made.wrap_socket(tcp, server_hostname="localhost") as tls:
                            assert tls.selected_alpn_protocol() == "h2" and tls.version() == name
                    continue
                came = ask(weir, context(authority, number, number), f"{name}-{agreed}", offered)
                assert came == (name, agreed, b"HTTP/1.1 200 OK"), came
        for old in (version.TLSv1, version.TLSv1_1):
            came = ask(weir, context(authority, old, old), "old")
            assert came[0] is None and isinstance(came[2], ssl.SSLError), came
            assert "PROTOCOL_VERSION" in str(came[2]).upper() or "HANDSHAKE" in str(came[2]).upper(), came
        # A name that the certificate is not of.
        wrong = context(authority, version.TLSv1_3, version.TLSv1_3)
        try:
            with socket.create_connection(("127.0.0.1", weir.port)) as tcp:
                wrong.wrap_socket(tcp, server_hostname="other.example")
        except ssl.SSLCertVerificationError:
            return
        raise AssertionError("a certificate of another name was taken")

    return with_certificates(test, clients=False)


def check_openssl_s_client():
    if not tool("openssl"):
        return "skipped"

    def s_client(weir, *flags):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{weir.port}", "-servername", "localhost",
                   "-verify_return_error", "-ign_eof", *flags]
        return subprocess.run(command, input=request("s" + "".join(flags)), capture_output=True, timeout=60, check=False)

    def test(weir, authority, _):
        for flag, name in [("-tls1_2", b"TLSv1.2"), ("-tls1_3", b"TLSv1.3")]:
            done = s_client(weir, flag, "-CAfile", authority.pem)
            assert done.returncode == 0 and b"HTTP/1.1 200 OK" in done.stdout, (done.stdout, done.stderr)
            assert name in done.stdout and b"Verification: OK" in done.stdout, done.stdout
        for flag in ("-tls1", "-tls1_1"):
            done = s_client(weir, flag, "-cipher", "ALL:@SECLEVEL=0", "-CAfile", authority.pem)
            assert done.returncode != 0 and b"HTTP/1.1" not in done.stdout, done.stdout
        # What is weak is not agreed on.
        for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "NULL"):
            done = s_client(weir, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0", "-CAfile", authority.pem)
            assert done.returncode != 0 and b"HTTP/1.1" not in done.stdout, (weak, done.stdout)

    return with_certificates(test, clients=False)


def check_a_client_needs_its_certificate():
    def test(weir, authority, folder):
        own = authority.certify("gateway.example")
        stranger = Authority(folder, "stranger").certify("stranger.example")
        version = ssl.TLSVersion
        for number in (version.TLSv1_2, version.TLSv1_3):
            assert ask(weir, context(authority, number, number, own), f"own-{number}")[2] == b"HTTP/1.1 200 OK"
            for other in (None, stranger):
                came = ask(weir, context(authority, number, number, other), "none")
                assert isinstance(came[2], Exception) or came[2] == b"", came

    return with_certificates(test, clients=True)


def check_curl():
    if not tool("curl"):
        return "skipped"

    def test(weir, authority, _):
        for flag, version in [("--http1.1", "1.1"), ("--http2", "2")]:
            done = subprocess.run(
                ["curl", "--silent", "--show-error", flag, "--cacert", authority.pem,
                 "--resolve", f"localhost:{weir.port}:127.0.0.1", "--data", json.dumps(payment(f"c{version}")),
                 "--write-out", "%{http_version} %{http_code}", "--output", "/dev/null", f"{weir.url}/v1/decisions"],
                capture_output=True, text=True, timeout=60, check=False)
            assert done.stdout == f"{version} 200", (done.stdout, done.stderr)

    return with_certificates(test, clients=False)


if __name__ == "__main__":
    main(dict(globals()))
