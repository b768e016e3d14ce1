"""A local cloud of the session's own: its certificate authority, its process, and the ways in."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

START_SECONDS = 60  # until the control socket answers
STOP_SECONDS = 60  # until every process of the cloud has ended
PROXY_PORT = 8444  # at the management endpoint's address


def certificate_authority(directory: pathlib.Path) -> pathlib.Path:
    """Makes an authority as the product has one; answers the file that clients are to trust."""
    directory.mkdir(mode=0o700, parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "conformance session")])
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "ca.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = directory / "ca.key"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(*form))
    return pem


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Cloud:
    """`with Cloud(program) as cloud:` starts one and ends it, whatever happens in between."""

    def __init__(self, program: str, retry_after_s: int = 0):
        """`retry_after_s`: how long operations ask a client to wait before it looks again."""
        self._program, self._retry_after_s = program, retry_after_s
        self._kept = tempfile.TemporaryDirectory(prefix="tlc")
        self.root = pathlib.Path(self._kept.name)
        self._log = self.root / "cloud.log"
        self._process = None

    def __enter__(self) -> "Cloud":
        self.ca = str(certificate_authority(self.root / "ca"))
        with open(self._log, "wb") as log:
            command = [self._program, "cloud", "--dir", str(self.root), "--wan-round-trip", "0"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self._wait()
            self.control("PUT", "/v1/faults", {"retry_after_s": self._retry_after_s})
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        operator = self.root / "cloud" / "operator.json"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.control("GET", "/v1/status")
                break
            except OSError as last:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the local cloud does not start: {last}\n{self._log.read_text()}") from last
                time.sleep(0.05)
        told = json.loads(operator.read_text())
        self.endpoint = told["arm_endpoint"]
        self.tenant = told["tenant"]
        self.subscription = told["subscription_id"]
        self.client_id = told["client_id"]
        self.client_secret = told["client_secret"]
        host = self.endpoint.split("//")[1].split(":")[0]
        self.proxy = f"http://{host}:{PROXY_PORT}"

    def control(self, method: str, path: str, body=None):
        """The local cloud's own interface: what no client of Azure knows."""
        connection = _Unix(str(self.root / "cloud" / "control.sock"))
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        return json.loads(content) if content else None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def __exit__(self, *_) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.control("POST", "/v1/shutdown")
            except (OSError, RuntimeError):
                self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._kept.cleanup()


def program() -> str:
    """The `tidelock` program: as the make target names it."""
    given = os.environ.get("TIDELOCK")
    if not given:
        raise SystemExit("error: TIDELOCK names no program; run `make sdk`")
    return given
