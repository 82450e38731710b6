-- What holds of the database itself, which keeps tenants apart and issued documents as they are.

-- wall-stands: Every table of tenants shows each of them its own rows only, to its owner too.
-- Attempts to log in are no tenant's: most addresses that are tried are nobody's. Nor are quotas of mails.
SELECT NULL::uuid, NULL::uuid, c.relname::text
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND c.relname NOT IN ('alembic_version', 'login_attempts', 'mail_quotas')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
      SELECT FROM pg_policy p
      WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
        AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.organization_id%'
        AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%app.organization_id%'))

-- reference-carries-tenant: Every reference between tables of tenants carries the organization.
SELECT NULL::uuid, NULL::uuid, format('%s of %s', conname, conrelid::regclass)
FROM pg_constraint f
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND confrelid <> 'organizations'::regclass
  AND NOT EXISTS (
      SELECT FROM unnest(f.conkey, f.confkey) AS k (own, other)
      JOIN pg_attribute a ON (a.attrelid, a.attnum) = (f.conrelid, k.own)
      JOIN pg_attribute b ON (b.attrelid, b.attnum) = (f.confrelid, k.other)
      WHERE (a.attname, b.attname) = ('organization_id', 'organization_id'))

-- reference-is-held: Whatever names a row does so by a foreign key that ends with it and carries the organization.
-- Or it stands inside of one that leads to a row which says the same and is held for it: none of its columns is empty.
-- Not what names rows of several kinds, nor people and keys who may be gone while what they did stays, nor traits, which
-- nobody writes but the trigger of what they are traits of.
SELECT NULL::uuid, NULL::uuid, format('%s.%s', c.relname, a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype) AND a.attname <> 'id'
  AND c.relname NOT IN ('customer_traits', 'product_traits', 'invoice_traits', 'payment_traits', 'credit_note_traits')
  AND format('%s.%s', c.relname, a.attname) NOT IN (
      'api_keys.created_by_id', 'audit_entries.actor_id', 'audit_entries.object_id', 'document_numbers.document_id',
      'events.actor_id', 'events.object_id', 'idempotency_keys.about_id', 'idempotency_keys.actor_id',
      'invitations.invited_by_id', 'ledger_entries.object_id')
  AND NOT EXISTS (
      SELECT FROM pg_constraint f JOIN pg_attribute o ON (o.attrelid, o.attnum) = (f.conrelid, f.conkey[1])
      WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.conkey[cardinality(f.conkey)] = a.attnum
        AND o.attname = 'organization_id'
        AND (f.confrelid = 'organizations'::regclass) = (a.attname = 'organization_id'))
  AND NOT EXISTS (
      SELECT FROM pg_constraint f
      JOIN pg_attribute t ON t.attrelid = f.confrelid AND t.attnum = f.confkey[array_position(f.conkey, a.attnum)]
      WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.confrelid <> c.oid AND t.attname = a.attname
        AND NOT EXISTS (
            SELECT FROM pg_attribute n WHERE n.attrelid = c.oid AND n.attnum = ANY (f.conkey) AND NOT n.attnotnull))

-- guard-is-on: No trigger is switched off, and no constraint waits to be validated.
SELECT NULL::uuid, NULL::uuid, format('the trigger %s of %s', tgname, tgrelid::regclass)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND tgenabled NOT IN ('O', 'A')
UNION ALL
SELECT NULL::uuid, NULL::uuid, format('the constraint %s of %s', conname, conrelid::regclass)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND NOT convalidated
