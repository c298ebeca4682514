"""A throwaway certificate authority, made with openssl."""

import subprocess
from pathlib import Path


def _openssl(*args, stdin=None):
    return subprocess.run(["openssl", *map(str, args)], check=True,
                          input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


def _validity(days):
    """Options of openssl x509."""
    if days < 0 and "-not_after" in _openssl("x509", "-help").stderr:
        # does without negative days, unlike older ones
        return ["-not_before", "20200101000000Z",
                "-not_after", "20200102000000Z"]
    return ["-days", days]


class Certificates:
    """CA in folder/ca.pem; each certificate is a pair of files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._make_ca("ca")

    def _make_ca(self, name):
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN=Test {name}", "-addext",
                 "keyUsage=critical,keyCertSign,cRLSign",
                 "-keyout", self.folder / f"{name}.key",
                 "-out", self.folder / f"{name}.pem")

    def issue(self, name, hostname="localhost", days=2):
        """A certificate for hostname, signed by the CA. Returns the paths of
        certificate and key. With negative days it has expired."""
        cert, key = self._paths(name)
        request = self.folder / f"{name}.csr"
        _openssl("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes",
                 "-subj", f"/CN={hostname}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca,
                 "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                 *_validity(days), "-out", cert, "-extfile", "/dev/stdin",
                 stdin=f"subjectAltName=DNS:{hostname}\n")
        return cert, key

    def self_signed(self, name, hostname="localhost"):
        cert, key = self._paths(name)
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN={hostname}", "-addext",
                 f"subjectAltName=DNS:{hostname}", "-keyout", key,
                 "-out", cert)
        return cert, key

    def _paths(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"
