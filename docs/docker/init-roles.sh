#!/bin/sh
# Run once by the postgres image, on an empty volume: the two roles and the database that the owner holds.
# The owner bypasses row-level security, because migrations and backups touch no row otherwise; the service's
# role, which answers requests, owns nothing and bypasses nothing.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$BILLING_OWNER_PASSWORD" --set service_password="$BILLING_SERVICE_PASSWORD" <<'SQL'
SET log_statement = 'none';
CREATE ROLE billing_owner LOGIN BYPASSRLS PASSWORD :'owner_password';
CREATE ROLE billing_service LOGIN PASSWORD :'service_password';
CREATE DATABASE billing OWNER billing_owner LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C' TEMPLATE template0;
\connect billing
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SQL
