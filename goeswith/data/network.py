"""Network: HTTP that only connects to public addresses, whatever a name resolves to or a redirect points to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import httpx

from goeswith import __version__

REDIRECTS = 5
CONNECT_SECONDS = 10.0
AGENT = f"goeswith/{__version__} (import of a shop's own product pictures)"


class Forbidden(httpx.RequestError):
    """A host that lies in a private network, in this machine, or nowhere."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Resolves each host itself and connects to the address that was checked, so that no second answer counts."""

    def __init__(self, *, allow_private: bool, connections: int) -> None:
        self.allow_private = allow_private
        self._limits = httpx.Limits(max_connections=connections)
        self._context = httpx.create_ssl_context(trust_env=False)
        # One for each host: connections are kept by address, and a certificate is checked for the first host only.
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; a client that follows redirects comes here for each of them.

        Raises:
            Forbidden: the host has a private address.
        """
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            address = await public_address(host, port, self.allow_private)
        except OSError as error:
            raise httpx.ConnectError(f"{host} cannot be resolved ({error})", request=request) from None
        if not address:
            raise Forbidden(f"{host} is in a private network; allow that with --allow-private", request=request)
        checked = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # with the name as Host
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._transport(host).handle_async_request(checked)

    def _transport(self, host: str) -> httpx.AsyncHTTPTransport:
        if host not in self._transports:
            self._transports[host] = httpx.AsyncHTTPTransport(
                verify=self._context, limits=self._limits, trust_env=False
            )
        return self._transports[host]

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()


async def public_address(host: str, port: int, allow_private: bool = False) -> str:
    """The first address of a host, and none ("") where any of its addresses is not public.

    Raises:
        OSError: it has none.
    """
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in entries]
    if not allow_private and not all(map(is_public, addresses)):
        return ""
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also where it is IPv4 dressed as IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not inner.is_global:
            return False
    return ip.is_global and not ip.is_multicast


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def client(*, allow_private: bool, connections: int) -> httpx.AsyncClient:
    """A client that follows a few redirects, each checked, and takes no proxy from the environment."""
    return httpx.AsyncClient(
        transport=CheckedTransport(allow_private=allow_private, connections=connections),
        follow_redirects=True,
        max_redirects=REDIRECTS,
        timeout=httpx.Timeout(CONNECT_SECONDS),
        headers={"User-Agent": AGENT, "Accept": "image/*", "Accept-Encoding": "identity"},
        trust_env=False,
    )
