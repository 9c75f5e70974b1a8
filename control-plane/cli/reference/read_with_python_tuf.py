"""Reads one of Sartor's repositories with python-tuf, the reference client of TUF, and downloads targets.

    pip install tuf
    python read_with_python_tuf.py --url https://host:8443/api/v1/trust/image --root 1.root.json \
        --target road-sign/1.0.0/<bundle id>.json [--header "Authorization: Bearer ..."] \
        [--cert device.pem --key device.key --ca root.pem]

--root is the first root (base64 in GET /api/v1/trust/roots, decoded). The director's repository reads the same way, with the address
.../trust/director/<device id> and the target desired.json.
"""

import argparse
import hashlib
import json
import pathlib
import tempfile

import urllib3
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

TIMEOUT_SECONDS = 20


class DeviceFetcher(FetcherInterface):
    """Fetches as a device: with its certificate, or with a header."""

    def __init__(self, headers, cert, key, ca):
        self.headers = headers
        self.pool = urllib3.PoolManager(cert_file=cert, key_file=key, ca_certs=ca, timeout=TIMEOUT_SECONDS)

    def _fetch(self, url):
        reply = self.pool.request("GET", url, headers=self.headers, preload_content=False, retries=False)
        print(f"  {reply.status} {url}")
        if reply.status >= 400:
            reply.close()
            raise DownloadHTTPError(f"HTTP {reply.status}", reply.status)
        return reply.stream(65536)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--target", required=True, action="append")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    args = parser.parse_args()
    headers = dict(line.split(": ", 1) for line in args.header)
    base = args.url.rstrip("/")
    with tempfile.TemporaryDirectory() as folder:
        updater = Updater(
            metadata_dir=folder,
            metadata_base_url=f"{base}/metadata/",
            target_dir=folder,
            target_base_url=f"{base}/targets/",
            fetcher=DeviceFetcher(headers, args.cert, args.key, args.ca),
            bootstrap=pathlib.Path(args.root).read_bytes(),
        )
        updater.refresh()
        for target in args.target:
            info = updater.get_targetinfo(target)
            if info is None:
                raise SystemExit(f"{target}: not in the repository")
            path = updater.download_target(info)
            data = pathlib.Path(path).read_bytes()
            print(f"{target}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}, custom {json.dumps(info.custom)}")


if __name__ == "__main__":
    main()
