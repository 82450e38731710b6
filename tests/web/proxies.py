"""Proxies in front of the service, as they are set up where it is deployed."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.live_service import LiveService
from tests.service_processes import eventually, free_port

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream service {{
        server 127.0.0.1:{behind};
        keepalive 4;
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 16m;
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""
HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 15s
    timeout server 30s
frontend everybody
    bind 127.0.0.1:{port}
    option http-buffer-request
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    default_backend service
backend service
    http-reuse always
    server one 127.0.0.1:{behind}
"""
COMMANDS = {
    "nginx": (NGINX, ["-e", "{folder}/error.log", "-p", "{folder}", "-c", "{folder}/settings"]),
    "haproxy": (HAPROXY, ["-db", "-f", "{folder}/settings"]),
}
"""Each holds connections to the service open and has the requests of several clients share them."""


def installed(name: str) -> str | None:
    """Where the program is; Debian keeps it from the path of ordinary users."""
    return shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextlib.contextmanager
def proxying(name: str, behind: int, folder: Path) -> Iterator[LiveService]:
    """Such a proxy before the service at the port `behind`, to be used in its place."""
    settings, arguments = COMMANDS[name]
    port = free_port()
    places = {"folder": str(folder), "port": port, "behind": behind}
    (folder / "settings").write_text(settings.format_map(places))
    command = [str(installed(name)), *(argument.format_map(places) for argument in arguments)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    proxy = LiveService(process, port, folder / "output")
    try:
        assert eventually(lambda: proxy.is_listening() or process.poll() is not None, 10)
        assert process.poll() is None, (folder / "output").read_text()
        yield proxy
    finally:
        proxy.hang_up()
        process.terminate()
        process.wait(10)
