"""init."""

from __future__ import annotations

from pathlib import Path

import click

from .. import output
from ..options import common, example

PORT_443 = """\
Official clients make their first contact on port 443, whatever port this server listens on. One of:
  redirect     nft add table ip tgserve
               nft 'add chain ip tgserve in { type nat hook prerouting priority dstnat; }'
               nft add rule ip tgserve in tcp dport 443 redirect to :{port}
  capability   setcap cap_net_bind_service=+ep $(readlink -f "$(command -v python3)"), then listen = "0.0.0.0:443"
  systemd      AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit (conf/tgserve.service has it), then the same"""


@click.command(epilog=example("tgserve init --data /srv/tgserve"))
@common
def init(data: Path, as_json: bool) -> None:
    """Make DIR with keys, settings and store, as the first start does, without serving."""
    from tgserve.admin import offline

    from ..endpoint import of_data
    from .key import read_public

    try:
        made = offline.create(data)
    except offline.Refusal as error:
        raise output.Refused(str(error)) from None
    at = of_data(data, read_public(data))
    if as_json:
        return output.result(
            {"data": str(data), "new": made, "public_key": str(data / "keys" / "public.pem")}
        )
    output.write(f"{data}: {'made' if made else 'was there already, nothing changed'}")
    output.write(f"  {data}/tgserve.toml     settings, all defaults, explained")
    output.write(f"  {data}/keys/public.pem  the public key, for clients (`tgserve key public`)")
    output.write(
        f"  {data}/keys/            back this up first of all: every client carries the public key, so a"
    )
    output.write("  server that lost its keys is a new server, and each client must be pointed at it again")
    output.write("")
    output.write(PORT_443.replace("{port}", str(at.port)))
    output.write("")
    output.write(f"Next: tgserve start --data {data}")
