"""The network of most figures: units answer with rates, one update for each batch."""

from fa_cli.models import model
from fa_cli.network import build

model("rate", build)
