"""Microsoft's clients, each as somebody with another cloud than Microsoft's sets it up."""

from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.locks import ManagementLockClient

from .cloud import Cloud
from .trace import Calls, Traced


class Clients:
    def __init__(self, cloud: Cloud, calls: Calls):
        self.cloud = cloud
        self._calls = calls
        # The cloud's own authority, which Microsoft's discovery knows nothing of.
        self.credential = ClientSecretCredential(
            cloud.tenant, cloud.client_id, cloud.client_secret, authority=cloud.endpoint,
            disable_instance_discovery=True, connection_verify=cloud.ca,
        )
        self.redis = self._management("redisenterprise", RedisEnterpriseManagementClient)
        self.network = self._management("network", NetworkManagementClient)
        self.dns = self._management("privatedns", PrivateDnsManagementClient)
        self.vaults = self._management("keyvault", KeyVaultManagementClient)
        self.identities = self._management("msi", ManagedServiceIdentityClient)
        self.rights = self._management("authorization", AuthorizationManagementClient)
        self.resources = self._management("resource", ResourceManagementClient)
        self.locks = self._management("resource.locks", ManagementLockClient)

    def _management(self, name: str, client) -> Traced:
        made = client(
            self.credential, self.cloud.subscription, base_url=self.cloud.endpoint,
            credential_scopes=[f"{self.cloud.endpoint}/.default"], connection_verify=self.cloud.ca,
        )
        return Traced(self._calls, name, made)

    def _vault(self, name: str, client, address: str) -> Traced:
        # Nobody here resolves the vault's name: the proxy does.
        made = client(
            address, self.credential, connection_verify=self.cloud.ca, proxies={"https": self.cloud.proxy},
        )
        return Traced(self._calls, name, made, "_polling_interval")

    def secrets(self, address: str) -> Traced:
        return self._vault("keyvault-secrets", SecretClient, address)

    def keys(self, address: str) -> Traced:
        return self._vault("keyvault-keys", KeyClient, address)

    def cryptography(self, key) -> Traced:
        return self._vault("keyvault-keys crypto", CryptographyClient, key)
