"""The order in which a person can send every request of the collection, from sign-up to the end."""

from tests.clients.postman.scripts import GRANT, SWAP, TOTP, UNIQUE
from tests.clients.postman.steps import Folder, Step
from tests.clients.postman.walk_of_documents import DOCUMENTS

MAILED = "the token comes by mail, which a collection cannot read; put it in place of this one, and it is accepted."
ALONE = "others come in by a token that is mailed to them, so that the owner is alone here; "
PASSWORD = {"password": "{{password}}"}

SERVICE = Folder(
    "Service",
    "What runs the service, watches it, or explains it. No credential is needed.",
    (
        Step("operations_index"),
        Step("operations_live"),
        Step("operations_ready"),
        Step(
            "operations_metrics",
            why="a service that was given a metrics token wants to see it, and others show counters to their own "
            "machine alone; both refuse with 403.",
            may_refuse="forbidden",
        ),
        Step("operations_key_set"),
        Step("operations_problem", path={"code": "invoice-not-ready"}),
        Step("contract_openapi"),
    ),
)
BEGIN = Folder(
    "Sign up and log in",
    "Sign up, log in, and keep a session alive.",
    (
        Step(
            "auth_sign_up",
            why="a new e-mail address and a new name are made up at every run, and stored.",
            before=UNIQUE,
            change={"email": "{{email}}", "organization_name": "{{organization_name}}", **PASSWORD},
        ),
        Step("auth_login", change={"email": "{{email}}", **PASSWORD}),
        Step("auth_refresh", change={"refresh_token": "{{refresh_token}}"}),
        Step("auth_me", keep={"user_id": "user.id", "session_id": "credential.session_id"}),
        Step("auth_rename"),
        Step("auth_search_sessions", query={"limit": "1"}),
        Step("auth_read_session"),
        Step(
            "auth_login",
            "Log in elsewhere",
            "the tokens of this other session are stored beside the first ones.",
            change={"email": "{{email}}", **PASSWORD},
            keep={f"other_{name}": place for name, place in GRANT.items()},
        ),
        Step(
            "auth_me",
            "See the other session",
            keep={"other_session_id": "credential.session_id"},
            auth={"Bearer": "{{other_access_token}}"},
        ),
        Step("auth_end_session", path={"session_id": "{{other_session_id}}"}),
        Step("auth_end_other_sessions"),
    ),
)
FACTOR = Folder(
    "Second factor",
    "An authenticator's code beside the password (TOTP, RFC 6238), and recovery codes. A script computes the code.",
    (
        Step("second_factor_begin", change=PASSWORD, keep={"totp_secret": "secret"}),
        Step(
            "second_factor_verify",
            before=TOTP,
            change={"code": "{{totp_code}}"},
            keep={"recovery_code": "recovery_codes[0]", "login_recovery_code": "recovery_codes[1]"},
        ),
        Step("second_factor_read"),
        Step(
            "auth_login",
            "Log in with a second factor",
            "each code works once, and that of the authenticator has been used; a recovery code does as well.",
            example=1,
            change={"email": "{{email}}", **PASSWORD, "code": "{{login_recovery_code}}"},
        ),
        Step(
            "second_factor_renew_recovery_codes",
            example=1,
            change={**PASSWORD, "code": "{{recovery_code}}"},
            keep={"recovery_code": "recovery_codes[0]"},
        ),
        Step("second_factor_disable", example=1, change={**PASSWORD, "code": "{{recovery_code}}"}),
    ),
)
ORGANIZATION = Folder(
    "Organization",
    "The seller: what an invoice needs to say of it.",
    (
        Step("organization_update"),
        Step("organization_read"),
        Step("organization_read", "Read the organization, if it has changed", "it has not.", status=304),
    ),
)
KEYS = Folder(
    "API keys",
    "Credentials of other services.",
    (
        Step("api_keys_create", keep={"key_secret": "secret"}, into="key_id"),
        Step("auth_me", "See what the key may do", auth={"X-API-Key": "{{key_secret}}"}),
        Step(
            "oauth_issue",
            change={"client_id": "{{key_id}}", "client_secret": "{{key_secret}}"},
            keep={"service_access_token": "access_token"},
        ),
        Step("auth_me", "See what its token may do", auth={"Bearer": "{{service_access_token}}"}),
        Step("api_keys_read"),
        Step("api_keys_update", is_guarded=True),
        Step("api_keys_search", query={"limit": "1"}),
        Step("api_keys_revoke"),
    ),
)
PEOPLE = Folder(
    "People",
    "Who is in the organization, who is asked to come in, and forgotten passwords.",
    (
        Step("invitations_create", change={"email": "grace-{{email}}"}),
        Step("invitations_read"),
        Step("invitations_search", query={"status": "pending", "limit": "1"}),
        Step("invitations_resend"),
        Step("acceptances_accept", why=MAILED, refused="invalid-invitation"),
        Step("invitations_revoke"),
        Step("password_resets_request", change={"email": "{{email}}"}),
        Step("password_resets_confirm", why=MAILED, refused="invalid-password-reset"),
        Step("users_search", query={"limit": "1"}),
        Step("users_read"),
        Step("users_update", change={"name": "Ada Lovelace", "role": "owner"}, is_guarded=True),
        Step("users_remove_second_factor", why=f"{ALONE}nobody does it to themselves.", refused="own-second-factor"),
        Step("users_delete", why=f"{ALONE}one owner always stays.", refused="last-owner"),
    ),
)
END = Folder(
    "The end",
    "A new password, which ends all sessions; logging out; and closing the organization, for good.",
    (
        Step(
            "auth_change_password",
            why="`password` and `new_password` change places, so that this works at every run.",
            change={"current_password": "{{password}}", "new_password": "{{new_password}}"},
            keep=GRANT,
            after=SWAP,
        ),
        Step("auth_logout"),
        Step("auth_login", "Log in again", change={"email": "{{email}}", **PASSWORD}),
        Step("organization_close", change={"name": "{{organization_name}}"}),
    ),
)
WALK = (SERVICE, BEGIN, FACTOR, ORGANIZATION, KEYS, PEOPLE, *DOCUMENTS, END)
"""From top to bottom."""
