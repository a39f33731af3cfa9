"""A real proxy that ends TLS before a gateway: nginx, Caddy or HAProxy, unpacked from Debian's packages."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import debian
import httpx
from live import eventually, free_port

from extproc.gateway.certs import DevCertificate

DEPLOY = Path(__file__).parents[1] / "deploy"
NAME = "gateway.yourcompany.com"
CLIENT = "127.0.0.77"
"""From where clients ask: the whole of 127.0.0.0/8 is this machine."""


@dataclass(frozen=True)
class Proxy:
    """A real proxy: its packages, its program, its own file, and how it is told to use that file."""

    file: str
    packages: tuple[str, ...]
    program: str
    arguments: tuple[str, ...]


NGINX = ("nginx", "nginx-common", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1")
HAPROXY = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0", "libssl3")
SEED = Proxy("nginx/gateway.conf", NGINX, "usr/sbin/nginx", ("-e", "stderr", "-c", "FILE", "-g", "daemon off;"))
IDE = Proxy("nginx/gateway-ide.conf", NGINX, SEED.program, SEED.arguments)
CADDY = Proxy("caddy/Caddyfile", ("caddy",), "usr/bin/caddy", ("run", "--adapter", "caddyfile", "--config", "FILE"))
HAP = Proxy("haproxy/haproxy.cfg", (*HAPROXY, "libsystemd0", "libcrypt1"), "usr/sbin/haproxy", ("-db", "-f", "FILE"))


class Front:
    """A proxy that runs before a gateway. Ports below 1024 and files in /etc/ssl would need root, so they are remapped;
    the gateway's port is the file's own unless another process has it. `text` stands in for the proxy's own file.
    """

    def __init__(self, proxy: Proxy, root: Path, gateway: int, certificate: DevCertificate, text: str = "") -> None:
        self.port = free_port()
        self.certificate = certificate
        unpacked = debian.unpacked(*proxy.packages)
        file = root / Path(proxy.file).name
        file.write_text(self._whole(proxy, text or (DEPLOY / proxy.file).read_text(), root, gateway, unpacked))
        arguments = [word.replace("FILE", str(file)) for word in proxy.arguments]
        environ = {**debian.environ(unpacked), "HOME": str(root), "XDG_DATA_HOME": str(root)}
        self.log = (root / "proxy.log").open("w")
        self.process = subprocess.Popen(
            [unpacked / proxy.program, *arguments], env=environ, stdout=self.log, stderr=subprocess.STDOUT, cwd=root
        )
        try:
            eventually(self._answers, "proxy")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def client(self, source: str = CLIENT, *, http2: bool = False) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.certificate.ca))
        context.check_hostname = False  # the certificate is this machine's, the name the page's
        transport = httpx.HTTPTransport(verify=context, local_address=source, http2=http2)
        headers = {"host": NAME}
        address = f"https://127.0.0.1:{self.port}"
        return httpx.Client(transport=transport, base_url=address, headers=headers, timeout=30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, Path(self.log.name).read_text()
        try:
            with self.client() as client:
                return client.get("/readyz", extensions={"sni_hostname": NAME}).status_code == 200
        except httpx.TransportError:
            return False

    def _whole(self, proxy: Proxy, text: str, root: Path, gateway: int, unpacked: Path) -> str:
        pem = root / "gateway.pem"
        pem.write_bytes(self.certificate.cert.read_bytes() + self.certificate.key.read_bytes())
        for old, new in {
            "/etc/ssl/certs/gateway.crt": str(self.certificate.cert),
            "/etc/ssl/private/gateway.key": str(self.certificate.key),
            "/etc/ssl/private/gateway.pem": str(pem),
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            f"{NAME} {{": f"{NAME}:{self.port} {{",
            ":41002": f":{gateway}",
        }.items():
            text = text.replace(old, new)
        if proxy.file.startswith("nginx"):
            (root / "conf.d").mkdir()
            (root / "conf.d" / "gateway.conf").write_text(text)
            return self._debians_nginx((unpacked / "etc/nginx/nginx.conf").read_text(), root, unpacked)
        if proxy is CADDY:
            return f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{text}"
        return text

    @staticmethod
    def _debians_nginx(text: str, root: Path, unpacked: Path) -> str:
        """Debian's own nginx.conf, which includes conf.d, below another root."""
        kept = [line for line in text.splitlines() if not line.startswith("user ") and "sites-enabled" not in line]
        paths = {
            "/run/nginx.pid": f"{root}/nginx.pid",
            "/var/log/nginx": str(root),
            "/etc/nginx/conf.d": f"{root}/conf.d",
        }
        text = "\n".join(kept)
        for old, new in paths.items():
            text = text.replace(old, new)
        text = text.replace("/etc/nginx/", f"{unpacked}/etc/nginx/")
        scratch = "".join(
            f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return text.replace("http {", f"http {{ {scratch}", 1)
