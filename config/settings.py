"""The only settings file; what differs between places comes from the environment (see docs/guides/operating.md)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from config import broker, env
from config.postgres import Postgres

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = env.home(BASE_DIR)  # the project's own files; nothing else is written


def _secret_key() -> str:
    """From the environment, else a random one that is kept for the next start."""
    given = env.text("SECRET_KEY")
    if given:
        return given
    file = HOME / "secret_key"
    if not file.exists():
        HOME.mkdir(mode=0o711, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = _secret_key()
PORT = env.number("PORT", default=8000, least=1, most=65535)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "daphne",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "axes",
    "config",
    "workflows",
    "dashboard",
    "examples",
]
MIDDLEWARE = [
    "config.middleware.probes",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.permissions_policy",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.own_site_only",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.views.viewing.viewing_middleware",
    "config.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.zones.zone_middleware",
    "dashboard.acting.acting_middleware",
    "axes.middleware.AxesMiddleware",  # the last: it asks for the page of who is locked out
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.preferences.preferences",
            ]
        },
    }
]

EMBEDDED_POSTGRES = not env.text("DATABASE_URL")
_database_url = env.text("DATABASE_URL") or Postgres(HOME).url
DATABASES = {"default": env.database("DATABASE_URL", _database_url)}
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
# The engine's hot statements are prepared on the server; poolers without support for that set DATABASE_PREPARE=0.
DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = (
    5 if env.flag("DATABASE_PREPARE", default=True) else None
)
# Over TCP a server that vanished without a word is noticed within about 20 seconds, and tried again every 5: without
# that, who connects hangs for two minutes, also when it is back. A unix socket needs none of it.
if not str(DATABASES["default"]["HOST"]).startswith("/"):
    for _name, _value in {
        "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000,
        "connect_timeout": 5,
    }.items():  # fmt: skip
        DATABASES["default"]["OPTIONS"].setdefault(_name, _value)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Every tunable of workflows/conf.py may be given as WORKFLOWS_<NAME>.
# A class that says who may do what to which workflow (docs/guides/access.md).
TELLTALE_ACCESS = env.text("TELLTALE_ACCESS") or "dashboard.access.Permissions"
WORKFLOWS = {
    "HINTS": env.flag("TELLTALE_HINTS", default=True),
    "WEBHOOKS_PRIVATE": env.flag("TELLTALE_WEBHOOKS_PRIVATE", default=False),
    **env.numbers("WORKFLOWS_"),
}

# Sockets, streams and polls of one account in one web process. A page of ours holds one.
LIVE_CONNECTIONS_PER_USER = env.number("LIVE_CONNECTIONS_PER_USER", default=200, least=1, most=1_000_000)

# Pages elsewhere that show widgets, each with a socket, in one web process; and what one address may ask for of them.
EMBED_CONNECTIONS = env.number("EMBED_CONNECTIONS", default=5_000, least=1, most=1_000_000)
EMBED_REQUESTS_PER_MINUTE = env.number("EMBED_REQUESTS_PER_MINUTE", default=600, least=1, most=1_000_000)
# Requests to /api/v1/ of one token, or of one account with a session, in one web process.
API_REQUESTS_PER_MINUTE = env.number("API_REQUESTS_PER_MINUTE", default=1_200, least=1, most=1_000_000)

# Who sends it as `Authorization: Bearer …` may scrape /metrics and sees the details of /readyz. Empty: nobody may.
MONITORING_TOKEN = env.token("MONITORING_TOKEN")

# Where spans go (traces are off without it), and errors. Both need requirements-extras.txt; the SDKs read further
# variables that begin with OTEL_ and SENTRY_ themselves.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
SENTRY_DSN = env.text("SENTRY_DSN")

# What a worker says of its code, and a workflow of the code that it began with: a commit, perhaps.
CODE_VERSION = env.text("TELLTALE_CODE_VERSION")

CELERY_BROKER_URL = env.url(
    "CELERY_BROKER_URL", f"{broker.SCHEME}://localhost", schemes=broker.SCHEMES, good="redis://localhost:6379/0"
)
CELERY_BROKER_TRANSPORT_OPTIONS = broker.options(CELERY_BROKER_URL, DATABASES["default"])
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# Early acknowledgement: a message is only a hint, and redelivery would help nothing that recovery does not do better.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
# How long a killed pool child's place stays taken, in case that its result is still on its way: we have none.
CELERY_WORKER_LOST_WAIT = 1.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker however long that is away
# RabbitMQ closes the channel of a message that waited for half an hour behind long workflows; connect again.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_HEARTBEAT = 10  # RabbitMQ: a worker notices within half a minute that its connection leads nowhere
# An exclusive one is locked until RabbitMQ notices, too, and the worker, connecting anew, would die of that.
CELERY_CONTROL_QUEUE_EXCLUSIVE = False
CELERY_CONTROL_QUEUE_DURABLE = True  # newer RabbitMQ refuses queues that are neither; it expires all the same
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "workflows.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "tick": {"task": "workflows.tick", "schedule": 1.0, "options": {"expires": 1.0}},  # what it misses, the next finds
}

# Failures to sign in as one account from one address; then the address waits. 0: it never does.
SIGN_IN_FAILURES = env.number("SIGN_IN_FAILURES", default=10, least=0, most=1_000)
AXES_ENABLED = SIGN_IN_FAILURES > 0
AXES_FAILURE_LIMIT = SIGN_IN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=env.number("SIGN_IN_COOL_OFF", default=5, least=1, most=7 * 24 * 60))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # of who signed in; nothing would ever remove it
AXES_SENSITIVE_PARAMETERS = ["csrfmiddlewaretoken", "next"]
AXES_VERBOSE = False
AXES_HANDLER = "config.sign_in.Attempts"
AXES_CLIENT_IP_CALLABLE = "config.sign_in.address"
AXES_LOCKOUT_CALLABLE = "config.sign_in.locked_out"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

# Single sign-on by OpenID Connect; off without an issuer. Library and tables come with requirements-extras.txt.
OIDC_AVAILABLE = find_spec("allauth") is not None
OIDC_ISSUER = env.text("TELLTALE_OIDC_ISSUER")
OIDC_CLIENT_ID, OIDC_CLIENT_SECRET = env.text("TELLTALE_OIDC_CLIENT_ID"), env.text("TELLTALE_OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("TELLTALE_OIDC_NAME", "Single sign-on")
OIDC_GROUPS_CLAIM = env.text("TELLTALE_OIDC_GROUPS_CLAIM", "groups")
if OIDC_AVAILABLE:
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.socialaccount"]
    INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"]
    MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
ACCOUNT_ADAPTER, SOCIALACCOUNT_ADAPTER = "config.single_sign_on.Accounts", "config.single_sign_on.SocialAccounts"
ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
SOCIALACCOUNT_LOGIN_ON_GET = True
_oidc_app = {"provider_id": "sso", "name": OIDC_NAME, "client_id": OIDC_CLIENT_ID, "secret": OIDC_CLIENT_SECRET,
             "settings": {"server_url": OIDC_ISSUER, "oauth_pkce_enabled": True}}  # fmt: skip
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [_oidc_app] if OIDC_ISSUER else []}}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Whose X-Forwarded-For is believed: our own proxies' addresses or networks, and `unix` for one that uses a socket.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

HTTPS = env.flag("HTTPS", default=False)  # behind a proxy that ends TLS
# Without TLS a browser would not send a secure cookie back, and nobody could sign in.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True  # scripts of ours need neither
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# The largest input (PAYLOAD_MAX_BYTES) as a form sends it: up to three bytes for each one, and the other fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
# What npm installed, if it did: the library that draws charts. Without it they are plain pictures.
_UPLOT = BASE_DIR / "node_modules/uplot/dist"
STATICFILES_DIRS = [BASE_DIR / "static", *([("uplot", _UPLOT)] if _UPLOT.is_dir() else [])]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "class": "config.logs.Text",
            "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
            "datefmt": "%H:%M:%S",
        },
        "json": {"()": "config.logs.JsonLines"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env.choice("LOG_FORMAT", "text", ["text", "json"]),
            "filters": ["with_error_id"],
        }
    },
    "filters": {
        "without_tokens": {"()": "config.logs.WithoutTokens"},
        "with_error_id": {"()": "config.logs.WithErrorId"},
    },
    "loggers": {
        **{name: {"level": "WARNING"} for name in ("axes", "celery.app.trace", "celery.worker.strategy", "pgmq")},
        "uvicorn.access": {"filters": ["without_tokens"]},
    },
    "root": {"handlers": ["stderr"], "level": env.level("LOG_LEVEL", "INFO")},
}
