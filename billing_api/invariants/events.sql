-- What holds of events.

-- event-gapless: The events of an organization are numbered without a gap, and its counter stands at the last.
SELECT o.id, o.id, format('%s events up to %s, counter %s', coalesce(e.count, 0), e.last, c.last_sequence)
FROM organizations o
LEFT JOIN event_counters c ON c.organization_id = o.id
LEFT JOIN (SELECT organization_id, count(*), max(sequence) AS last FROM events GROUP BY 1) e ON e.organization_id = o.id
WHERE c.last_sequence IS NULL OR coalesce(e.count, 0) <> coalesce(e.last, 0) OR coalesce(e.last, 0) <> c.last_sequence

-- event-of-closing: The last fact of an organization that is closed is its closing, and of no other.
SELECT o.id, o.id, format('closed %s, and the last fact is %s', coalesce(o.closed_at::text, 'never'), e.type)
FROM organizations o
JOIN event_counters c ON c.organization_id = o.id
JOIN events e ON e.organization_id = o.id AND e.sequence = c.last_sequence
WHERE (o.closed_at IS NOT NULL) <> (e.type = 'organization.closed')

-- event-of-issue: Every issued invoice and credit note was stated once, with its number, and nothing else was.
SELECT organization_id, id, format('%s stated %s times', i.number, coalesce(e.count, 0))
FROM (
    SELECT organization_id, id, number FROM invoices WHERE status <> 'draft'
    UNION ALL
    SELECT organization_id, id, number FROM credit_notes
) i
FULL JOIN (
    SELECT organization_id, object_id AS id, count(*), min(data ->> 'number') AS number
    FROM events WHERE type IN ('invoice.finalized', 'invoice.imported', 'credit_note.issued') GROUP BY 1, 2
) e USING (organization_id, id)
WHERE e.count IS DISTINCT FROM 1 OR e.number IS DISTINCT FROM i.number

-- event-of-deed: Every void, payment, reversal, refund, credit and use of money was stated once, every invoice that was
-- given up at least once, and nothing else was.
WITH facts AS (
    -- One that was void when it came is so by its import.
    SELECT organization_id, id, 'invoice.voided' AS type, 1 AS happened, 0 AS stated
    FROM invoices WHERE status = 'void' AND voided_at IS DISTINCT FROM imported_at
    UNION ALL
    SELECT organization_id, id, 'payment.received', 1, 0 FROM payments
    UNION ALL
    SELECT organization_id, id, 'payment.reversed', 1, 0 FROM payments WHERE reversed_at IS NOT NULL
    UNION ALL
    SELECT organization_id, id, 'refund.created', 1, 0 FROM refunds
    UNION ALL
    SELECT organization_id, invoice_id, 'invoice.amount_applied', 1, 0 FROM allocations
    UNION ALL
    SELECT organization_id, id, 'invoice.credited', 1, 0 FROM credit_notes WHERE invoice_id IS NOT NULL
    UNION ALL
    SELECT organization_id, CASE type WHEN 'invoice.credited' THEN (data -> 'credit_note' ->> 'id')::uuid
               ELSE object_id END, type, 0, 1
    FROM events
    WHERE type IN ('invoice.voided', 'payment.received', 'payment.reversed', 'refund.created', 'invoice.amount_applied',
                   'invoice.credited')
)
SELECT organization_id, id, format('%s: %s times, stated %s times', type, sum(happened), sum(stated))
FROM facts
GROUP BY organization_id, id, type
HAVING sum(happened) <> sum(stated)
UNION ALL
SELECT organization_id, id, 'given up without a word'
FROM invoices i
WHERE i.marked_uncollectible_at IS NOT NULL AND i.marked_uncollectible_at IS DISTINCT FROM i.imported_at
  AND NOT EXISTS (SELECT FROM events e WHERE (e.organization_id, e.object_id) = (i.organization_id, i.id)
                  AND e.type = 'invoice.marked_uncollectible')

-- event-object: An event is about a row that is there, or one of which an event says that it was deleted. Sessions and
-- invitations are deleted by themselves, some days after their end.
WITH named AS (
    SELECT organization_id, object_type AS type, object_id AS id, bool_or(type LIKE '%.deleted') AS is_deleted
    FROM events WHERE object_type NOT IN ('session', 'invitation') GROUP BY 1, 2, 3
), objects AS (
    SELECT id AS organization_id, 'organization' AS type, id FROM organizations
    UNION ALL SELECT organization_id, 'user', id FROM users
    UNION ALL SELECT organization_id, 'api_key', id FROM api_keys
    UNION ALL SELECT organization_id, 'customer', id FROM customers
    UNION ALL SELECT organization_id, 'product', id FROM products
    UNION ALL SELECT organization_id, 'tax_rate', id FROM tax_rates
    UNION ALL SELECT organization_id, 'number_series', id FROM number_series
    UNION ALL SELECT organization_id, 'invoice', id FROM invoices
    UNION ALL SELECT organization_id, 'payment', id FROM payments
    UNION ALL SELECT organization_id, 'refund', id FROM refunds
    UNION ALL SELECT organization_id, 'credit_note', id FROM credit_notes
)
SELECT organization_id, id, format('the %s %s', n.type, CASE WHEN n.is_deleted THEN 'was deleted, and is there'
       ELSE 'is not there' END)
FROM named n
LEFT JOIN objects o USING (organization_id, type, id)
WHERE n.is_deleted <> (o.type IS NULL)
