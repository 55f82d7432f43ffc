"""django-scim2-server of PyPI as a site, on the PostgreSQL that DATABASE_PORT names.

python benches/peers/django_site.py migrate; gunicorn --chdir benches/peers django_site:application
"""

import os
import sys
from pathlib import Path

from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parent))


def has_token(request):
    return request.headers.get("Authorization") == "Bearer a-token"


if not settings.configured:
    settings.configure(
        SECRET_KEY="for measurements only", ALLOWED_HOSTS=["*"], ROOT_URLCONF="django_site", USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_scim2_server"],
        MIDDLEWARE=[],
        DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": os.environ["DATABASE_PORT"], "USER": "usher",
            "NAME": "django", "CONN_MAX_AGE": None}},
        SCIM2_SERVER_AUTH_CHECK="django_site.has_token")

    import django

    django.setup()

from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim2_server.urls"))]

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
else:
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
