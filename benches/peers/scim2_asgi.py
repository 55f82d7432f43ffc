"""scim2-server of PyPI under uvicorn, in memory: uvicorn --app-dir benches/peers scim2_asgi:app"""

import secrets

from scim2_models import ScimProvider, UnauthorizedException
from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.service import ScimService
from scim2_server.utils import (load_default_resource_types, load_default_schemas, load_default_service_provider_config)

provider = ScimProvider.from_discovery(load_default_schemas().values(), load_default_resource_types().values(),
                                       config=load_default_service_provider_config())


class WithToken(ASGIApplication):
    def check_auth(self, request):
        if request.header("Authorization") != "Bearer a-token":
            raise UnauthorizedException


app = WithToken(AsyncInMemoryStorage(), provider, ScimService(provider, secret=secrets.token_urlsafe(32)))
