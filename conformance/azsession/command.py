"""Every command of the CLI as a process of its own, by its name, so that a table can say what was run."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from session.cloud import Cloud

COMMAND_SECONDS = 180  # a command that has not ended by then has failed
VAULTS = ".vault.tidelock.internal:8443"  # behind a vault's name


class Az:
    """`az("group show", "--name", "rg")` answers what the command printed, as JSON; nothing if it printed nothing."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.done = collections.Counter()
        self.refused = collections.defaultdict(collections.Counter)
        self.seconds = collections.Counter()
        self._kept = tempfile.TemporaryDirectory(prefix="tlaz")
        self.directory = pathlib.Path(self._kept.name)
        self._environment = self._variables()

    def _variables(self) -> dict:
        """Of whoever runs this nothing is used, and nothing of his is changed."""
        host = self.cloud.endpoint.split("//")[1].split(":")[0]
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AZURE_", "ARM_"))}
        return {
            **kept,
            "HOME": str(self.directory),
            "AZURE_CONFIG_DIR": str(self.directory / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_NO_COLOR": "true",
            "AZURE_CORE_OUTPUT": "json",
            "AZURE_CORE_DISABLE_CONFIRM_PROMPT": "true",
            # An extension would be downloaded, and is another program.
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
            # Microsoft's own directory of authorities knows nothing of this cloud's.
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "REQUESTS_CA_BUNDLE": self.cloud.ca,
            "SSL_CERT_FILE": self.cloud.ca,
            # Nobody here resolves the vaults' names: the proxy does.
            "HTTPS_PROXY": self.cloud.proxy,
            "NO_PROXY": host,
        }

    def __call__(self, command: str, *options: str, refused: str = None, more: dict = None, raw: bool = False):
        """`refused`: a part of the refusal that is meant. `more`: variables of this command. `raw`: text, not JSON."""
        arguments = [sys.executable, "-m", "azure.cli", *command.split(), *map(str, options)]
        begun = time.monotonic()
        try:
            ended = subprocess.run(
                arguments, env={**self._environment, **(more or {})}, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=COMMAND_SECONDS, check=False,
            )
        except subprocess.TimeoutExpired as err:
            raise AssertionError(f"az {command}: not done after {COMMAND_SECONDS} s") from err
        self.seconds[command] += time.monotonic() - begun
        if refused is not None:
            if ended.returncode == 0:
                raise AssertionError(f"az {command}: answered, and should have been refused with {refused}")
            if refused not in ended.stderr:
                raise AssertionError(f"az {command}: refused, not with {refused}: {ended.stderr.strip()}")
            self.refused[command][refused] += 1
            self.done[command] += 0
            return ended.stderr
        if ended.returncode != 0:
            raise AssertionError(f"az {command}: exit code {ended.returncode}: {ended.stderr.strip()}")
        self.done[command] += 1
        return ended.stdout if raw else json.loads(ended.stdout or "null")

    def sign_in(self, name: str) -> None:
        """Makes the cloud known by its metadata, and signs in as its operator."""
        self("cloud register", "--name", name, "--endpoint-resource-manager", self.cloud.endpoint,
             "--suffix-keyvault-dns", VAULTS)
        self("cloud set", "--name", name)
        # With `=`, because a secret may begin with a hyphen.
        self("login", "--service-principal", "--username", self.cloud.client_id,
             f"--password={self.cloud.client_secret}", "--tenant", self.cloud.tenant)

    def table(self) -> str:
        lines = [f"{'runs':>6} {'s':>6}  {'command':<52} refused as meant"]
        for name in sorted(set(self.done) | set(self.refused)):
            codes = ", ".join(f"{code} x{times}" for code, times in sorted(self.refused[name].items()))
            lines.append(f"{self.done[name]:>6} {self.seconds[name]:>6.1f}  {name:<52} {codes}".rstrip())
        return "\n".join(lines)

    def groups(self) -> str:
        """How many commands of which group ran, and how often."""
        kinds, runs = collections.Counter(), collections.Counter()
        for name, times in self.done.items():
            group = " ".join(name.split()[:-1]) or name
            kinds[group] += 1
            runs[group] += times + sum(self.refused[name].values())
        lines = [f"{'commands':>9} {'runs':>6}  group"]
        lines += [f"{kinds[group]:>9} {runs[group]:>6}  {group}" for group in sorted(kinds)]
        return "\n".join(lines)

    def end(self) -> None:
        self._kept.cleanup()
