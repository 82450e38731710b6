"""What the audit log knows: each deed by its name, and what it means."""

ACTIONS = {
    "api_key.created": "an API key was made",
    "api_key.refused": "a key that was revoked or has expired was tried; once an hour",
    "api_key.revoked": "a key was revoked; `data.reason`: `asked`, or `maker` where its maker's reach has ended",
    "api_key.updated": "a key was given another name",
    "api_key.used": "a key was used; once an hour, and when its IP address changes",
    "customer.anonymized": "a customer's personal data were removed",
    "export.made": "a list or report was taken out as CSV",
    "invitation.accepted": "somebody came in by an invitation",
    "invitation.created": "somebody was invited",
    "invitation.resent": "an invitation was mailed again",
    "invitation.revoked": "an invitation was taken back",
    "login.code_required": "a password was right and a code is asked for; `data.closed_until` as for a refusal",
    "login.refused": (
        "a login was refused: why says `data.reason`, and `data.closed_until` where it closed the address, "
        "`data.codes_closed_until` where it closed the authenticator"
    ),
    "organization.closed": "the organization was closed",
    "organization.created": "the organization was founded",
    "organization.reopened": "the organization was opened again by the service's operator",
    "organization.updated": "the organization was changed; `data` names the members, and of rules [before, after]",
    "session.created": "somebody logged in; the tokens travel by `data.carrier`: `body` or `cookie`",
    "session.ended": "a session ended; `data.reason` says why",
    "session.refresh_reused": "a refresh token came back after it was spent",
    "user.confirmation_refused": (
        "who is logged in gave a wrong password or code, or one more code after too many: `data.reason` says which, "
        "and `data.closed_until` where it closed the authenticator"
    ),
    "user.created": "a user was made",
    "user.deleted": "a user was removed",
    "user.password_changed": "a user changed their password",
    "user.password_reset": "a user set a new password by mail",
    "user.recovery_code_used": "a recovery code stood in for the second factor",
    "user.recovery_codes_renewed": "a user made other recovery codes",
    "user.second_factor_disabled": "a user laid their second factor down",
    "user.second_factor_enabled": "a user took up a second factor",
    "user.second_factor_removed": "a colleague removed a second factor that was lost",
    "user.second_factor_replaced": "a user changed to another authenticator",
    "user.updated": "a user's name, role or status was changed",
}
