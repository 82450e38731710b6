-- What holds of the books.

-- entry-balances: An entry of the ledger sums to zero, and has at least two postings.
SELECT organization_id, id, format('%s postings, sum %s', sum(postings), sum(amount))
FROM (
    SELECT organization_id, entry_id AS id, 1 AS postings, amount FROM ledger_postings
    UNION ALL
    SELECT organization_id, id, 0, 0 FROM ledger_entries
) p
GROUP BY organization_id, id
HAVING sum(postings) < 2 OR sum(amount) <> 0

-- posting-belongs: A posting speaks of an invoice and a source of its entry's own customer and currency.
SELECT p.organization_id, p.id, e.type
FROM ledger_postings p
JOIN ledger_entries e ON (e.organization_id, e.id) = (p.organization_id, p.entry_id)
LEFT JOIN invoices i ON (i.organization_id, i.id) = (p.organization_id, p.invoice_id)
LEFT JOIN sources s ON (s.organization_id, s.id) = (p.organization_id, p.source_id)
WHERE num_nonnulls(p.invoice_id, p.source_id) > 0
  AND ((p.invoice_id IS NOT NULL AND (i.customer_id, i.currency) IS DISTINCT FROM (e.customer_id, e.currency))
       OR (p.source_id IS NOT NULL AND (s.customer_id, s.currency) IS DISTINCT FROM (e.customer_id, e.currency)))

-- receivable: The receivable of an invoice is what is due while it is open or paid, and nothing otherwise; its bad debt
-- is what is due while nobody expects it, and nothing otherwise.
SELECT i.organization_id, i.id, format('%s, due %s: receivable %s, bad debt %s', i.status,
       i.payable_amount - i.amount_paid - i.amount_credited, coalesce(p.receivable, 0), coalesce(p.lost, 0))
FROM invoices i
LEFT JOIN (
    SELECT organization_id, invoice_id, sum(amount) FILTER (WHERE account = 'accounts_receivable') AS receivable,
           sum(amount) FILTER (WHERE account = 'bad_debt') AS lost
    FROM ledger_postings WHERE invoice_id IS NOT NULL GROUP BY 1, 2
) p ON (p.organization_id, p.invoice_id) = (i.organization_id, i.id)
WHERE coalesce(p.receivable, 0) <> CASE WHEN i.status IN ('open', 'paid')
          THEN i.payable_amount - i.amount_paid - i.amount_credited ELSE 0 END
   OR coalesce(p.lost, 0) <> CASE i.status WHEN 'uncollectible'
          THEN i.payable_amount - i.amount_paid - i.amount_credited ELSE 0 END

-- source-credit: What the books hold to a customer's credit of a source is what is available of it.
SELECT s.organization_id, s.id, format('available %s, booked %s', s.amount_available, -coalesce(p.amount, 0))
FROM sources s
LEFT JOIN (
    SELECT organization_id, source_id, sum(amount) AS amount
    FROM ledger_postings WHERE source_id IS NOT NULL GROUP BY 1, 2
) p ON (p.organization_id, p.source_id) = (s.organization_id, s.id)
WHERE -coalesce(p.amount, 0) <> s.amount_available

-- source-uses: What was allocated, refunded and reversed of a source is what its documents say; the rest is available.
SELECT s.organization_id, s.id, format('%s = %s + %s + %s + %s', s.amount, s.amount_available, s.amount_allocated,
       s.amount_refunded, s.amount_reversed)
FROM sources s
LEFT JOIN payments p ON (p.organization_id, p.id) = (s.organization_id, s.id)
LEFT JOIN (
    SELECT organization_id, source_id, sum(amount) AS amount
    FROM allocations WHERE released_at IS NULL GROUP BY 1, 2
) a ON (a.organization_id, a.source_id) = (s.organization_id, s.id)
LEFT JOIN (SELECT organization_id, source_id, sum(amount) AS amount FROM refunds GROUP BY 1, 2) r
       ON (r.organization_id, r.source_id) = (s.organization_id, s.id)
WHERE s.amount <> s.amount_available + s.amount_allocated + s.amount_refunded + s.amount_reversed
   OR s.amount_allocated <> coalesce(a.amount, 0)
   OR s.amount_refunded <> coalesce(r.amount, 0)
   OR s.amount_reversed <> CASE WHEN p.reversed_at IS NOT NULL THEN s.amount ELSE 0 END

-- source-document: A source is a document of its kind, of the same customer, currency and amount.
SELECT s.organization_id, s.id, s.type
FROM sources s
LEFT JOIN payments p ON (p.organization_id, p.id) = (s.organization_id, s.id)
LEFT JOIN invoices i ON (i.organization_id, i.id) = (s.organization_id, s.id)
LEFT JOIN credit_notes n ON (n.organization_id, n.id) = (s.organization_id, s.id)
WHERE (s.type = 'credit_note') <> (n.id IS NOT NULL)
   OR (s.type = 'payment') <> (p.id IS NOT NULL)
   OR (s.type = 'invoice') <> (i.id IS NOT NULL)
   OR (s.type = 'invoice' AND (i.customer_id, i.currency, i.amount_settled_before - i.payable_amount)
                               <> (s.customer_id, s.currency, s.amount))
UNION ALL
SELECT i.organization_id, i.id, 'a negative invoice without its source'
FROM invoices i
WHERE i.payable_amount < i.amount_settled_before AND i.payable_amount < 0 AND i.status <> 'draft'
  AND NOT EXISTS (SELECT FROM sources s WHERE (s.organization_id, s.id) = (i.organization_id, i.id))

-- allocation-fits: An allocation joins a source to an issued invoice of the same customer and currency, not before its
-- issue, nor before the books have it.
SELECT a.organization_id, a.id, format('source %s, invoice %s', a.source_id, a.invoice_id)
FROM allocations a
LEFT JOIN sources s ON (s.organization_id, s.id) = (a.organization_id, a.source_id)
LEFT JOIN invoices i ON (i.organization_id, i.id) = (a.organization_id, a.invoice_id)
WHERE (s.customer_id, s.currency) IS DISTINCT FROM (i.customer_id, i.currency)
   OR s.id IS NULL OR i.id IS NULL OR i.status = 'draft' OR a.amount <= 0
   OR a.allocated_on < coalesce(i.opening_date, i.issue_date)
   OR a.released_on < a.allocated_on OR (a.released_at IS NULL) <> (a.released_on IS NULL)

-- allocation-entered: Every use and every release of a source's money for an invoice stands in the books on its day,
-- and nothing else does.
SELECT organization_id, invoice_id, format('source %s, %s on %s: allocations %s, books %s', source_id, type, dated,
       sum(stated), sum(entered))
FROM (
    SELECT organization_id, source_id, invoice_id, 'credit_applied' AS type, allocated_on AS dated, amount AS stated,
           0 AS entered
    FROM allocations
    UNION ALL
    SELECT organization_id, source_id, invoice_id, 'credit_released', released_on, -amount, 0
    FROM allocations WHERE released_on IS NOT NULL
    UNION ALL
    SELECT e.organization_id, p.source_id, e.object_id, e.type, e.entry_date, 0, p.amount
    FROM ledger_entries e
    JOIN ledger_postings p ON (p.organization_id, p.entry_id) = (e.organization_id, e.id)
    WHERE e.type IN ('credit_applied', 'credit_released') AND p.account = 'customer_credit'
) deeds
GROUP BY organization_id, source_id, invoice_id, type, dated
HAVING sum(stated) <> sum(entered)

-- entry-not-ahead: No entry of the ledger is dated later than the day after it was made, wherever on earth that was.
SELECT organization_id, id, format('%s of %s, made at %s', type, entry_date, created_at)
FROM ledger_entries
WHERE entry_date > (created_at AT TIME ZONE 'UTC' + interval '14 hours')::date + 1

-- refund-fits: A refund is of its source's own kind, customer and currency.
SELECT r.organization_id, r.id, format('source %s', r.source_id)
FROM refunds r
LEFT JOIN sources s ON (s.organization_id, s.id) = (r.organization_id, r.source_id)
WHERE (s.type, s.customer_id, s.currency) IS DISTINCT FROM (r.source_type, r.customer_id, r.currency)

-- deed-entered: Every issue, void, payment, reversal, refund and credit note stands in the books once, with its amount,
-- its day and its customer; and nothing else does.
WITH deeds AS (
    SELECT organization_id, id, 'invoice_issued' AS type, 'invoice' AS kind, customer_id, currency,
           payable_amount AS amount, issue_date AS dated
    FROM invoices WHERE status <> 'draft' AND imported_at IS NULL
      AND (total_without_tax, tax_total, prepaid_amount, rounding_amount) <> (0, 0, 0, 0)
    UNION ALL
    -- One that was void when it came brings nothing.
    SELECT organization_id, id, 'invoice_carried_over', 'invoice', customer_id, currency,
           payable_amount - amount_settled_before, opening_date
    FROM invoices WHERE imported_at IS NOT NULL AND voided_at IS DISTINCT FROM imported_at
      AND payable_amount <> amount_settled_before
    UNION ALL
    SELECT organization_id, id, 'invoice_voided', 'invoice', customer_id, currency, -payable_amount, NULL
    FROM invoices WHERE status = 'void' AND voided_at IS DISTINCT FROM imported_at
    UNION ALL
    SELECT s.organization_id, s.id, 'payment_received', 'payment', s.customer_id, s.currency, -s.amount, s.dated_on
    FROM payments JOIN sources s USING (organization_id, id)
    UNION ALL
    SELECT s.organization_id, s.id, 'payment_reversed', 'payment', s.customer_id, s.currency, s.amount, NULL
    FROM payments p JOIN sources s USING (organization_id, id) WHERE p.reversed_at IS NOT NULL
    UNION ALL
    SELECT organization_id, id, 'refund_paid', 'refund', customer_id, currency, amount, payment_date FROM refunds
    UNION ALL
    SELECT organization_id, s.id, 'credit_note_issued', 'credit_note', s.customer_id, s.currency, -s.amount, s.dated_on
    FROM credit_notes n JOIN sources s USING (organization_id, id)
    WHERE (n.total_without_tax, n.tax_total, n.rounding_amount) <> (0, 0, 0)
), entries AS (
    SELECT e.organization_id, e.object_id AS id, e.type, e.object_type AS kind, e.customer_id, e.currency,
           count(*) AS times, min(e.entry_date) AS dated, coalesce(sum(p.amount), 0) AS amount
    FROM ledger_entries e
    LEFT JOIN (
        SELECT organization_id, entry_id, sum(amount) AS amount FROM ledger_postings
        WHERE account IN ('accounts_receivable', 'customer_credit') GROUP BY 1, 2
    ) p ON (p.organization_id, p.entry_id) = (e.organization_id, e.id)
    WHERE e.type IN ('invoice_issued', 'invoice_carried_over', 'invoice_voided', 'payment_received',
                     'payment_reversed', 'refund_paid', 'credit_note_issued')
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT organization_id, id, format('%s: %s entered %s times with %s', type, d.amount, coalesce(e.times, 0), e.amount)
FROM deeds d
FULL JOIN entries e USING (organization_id, id, type, kind, customer_id, currency)
WHERE e.times IS DISTINCT FROM 1 OR e.amount IS DISTINCT FROM d.amount OR d.dated <> e.dated

-- turnover-entered: The entry of an issue takes from its document the revenue, the tax by groups, the prepayments and
-- the rounding; that of a void takes them back, and so does a credit note. No other entry moves any of it, and what was
-- imported brings none.
WITH documents AS (
    SELECT organization_id, id, 'invoice_issued' AS type, -1 AS sign, total_without_tax, prepaid_amount, rounding_amount
    FROM invoices WHERE status <> 'draft' AND imported_at IS NULL
    UNION ALL
    SELECT organization_id, id, 'invoice_voided', 1, total_without_tax, prepaid_amount, rounding_amount
    FROM invoices WHERE status = 'void' AND imported_at IS NULL
    UNION ALL
    SELECT organization_id, id, 'credit_note_issued', 1, total_without_tax, 0, rounding_amount FROM credit_notes
), postings AS (
    SELECT organization_id, id, type, 'revenue' AS account, NULL AS category, NULL::numeric AS rate, NULL AS name,
           sign * total_without_tax AS stated, 0 AS entered
    FROM documents
    UNION ALL
    SELECT organization_id, id, type, 'prepayments', NULL, NULL, NULL, -sign * prepaid_amount, 0
    FROM documents WHERE prepaid_amount <> 0
    UNION ALL
    SELECT organization_id, id, type, 'rounding', NULL, NULL, NULL, sign * rounding_amount, 0
    FROM documents WHERE rounding_amount <> 0
    UNION ALL
    SELECT d.organization_id, d.id, d.type, 'tax_payable', g.category, g.rate, g.name, d.sign * g.tax_amount, 0
    FROM invoice_tax_groups g
    JOIN documents d ON (d.organization_id, d.id) = (g.organization_id, g.invoice_id)
    UNION ALL
    SELECT d.organization_id, d.id, d.type, 'tax_payable', g.category, g.rate, g.name, d.sign * g.tax_amount, 0
    FROM credit_note_tax_groups g
    JOIN documents d ON (d.organization_id, d.id) = (g.organization_id, g.credit_note_id)
    UNION ALL
    SELECT e.organization_id, e.object_id, e.type, p.account, p.tax_category, p.tax_rate, p.tax_name, 0, p.amount
    FROM ledger_postings p
    JOIN ledger_entries e ON (e.organization_id, e.id) = (p.organization_id, p.entry_id)
    WHERE p.account IN ('revenue', 'prepayments', 'rounding', 'tax_payable')
)
SELECT organization_id, id, format('%s: %s %s, not %s', type, concat_ws(' ', account, category, rate, name),
       sum(entered), sum(stated))
FROM postings
GROUP BY organization_id, id, type, account, category, rate, name
HAVING sum(entered) <> sum(stated)
