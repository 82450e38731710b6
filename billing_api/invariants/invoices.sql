-- What holds of invoices. Each query finds what breaks its sentence: the organization, the row, what is wrong with it.

-- invoice-totals: The totals of an invoice follow from each other.
SELECT organization_id, id, format('%s + %s = %s, payable %s', total_without_tax, tax_total, total, payable_amount)
FROM invoices
WHERE total_without_tax <> subtotal - allowance_total + charge_total
   OR total <> total_without_tax + tax_total
   OR payable_amount <> total - prepaid_amount + rounding_amount

-- invoice-subtotal: The nets of the lines add up to the subtotal.
SELECT i.organization_id, i.id, format('lines %s, subtotal %s', coalesce(l.net, 0), i.subtotal)
FROM invoices i
LEFT JOIN (SELECT organization_id, invoice_id, sum(net) AS net FROM invoice_lines GROUP BY 1, 2) l
       ON (l.organization_id, l.invoice_id) = (i.organization_id, i.id)
WHERE i.subtotal <> coalesce(l.net, 0)

-- line-amount: The amount of a line, less its allowances, with its charges, is its net, or its gross where prices
-- include tax.
SELECT organization_id, id, format('%s - %s + %s, not %s', amount, allowance_total, charge_total, coalesce(gross, net))
FROM invoice_lines
WHERE coalesce(gross, net) <> amount - allowance_total + charge_total

-- line-price: The amount of a line is its quantity at its price, per base quantity, rounded once, halves away from
-- zero, on an invoice as on a credit note.
WITH lines AS (
    SELECT l.organization_id, l.id, l.amount, l.base_quantity, l.quantity * l.unit_price * c.units AS times
    FROM invoice_lines l
    JOIN invoices i ON (i.organization_id, i.id) = (l.organization_id, l.invoice_id)
    JOIN (:currencies) AS c (code, units) ON c.code = i.currency
    UNION ALL
    SELECT l.organization_id, l.id, l.amount, l.base_quantity, l.quantity * l.unit_price * c.units
    FROM credit_note_lines l
    JOIN sources s ON (s.organization_id, s.id) = (l.organization_id, l.credit_note_id)
    JOIN (:currencies) AS c (code, units) ON c.code = s.currency
    WHERE l.quantity IS NOT NULL
)
SELECT organization_id, id, format('%s minor units per %s, not %s', trim_scale(times), trim_scale(base_quantity),
       amount)
FROM lines
-- A quotient would be rounded twice.
WHERE amount <> sign(times) * div(2 * abs(times) + base_quantity, 2 * base_quantity)

-- line-adjustments: The allowances and charges of a line add up to its totals of them.
SELECT l.organization_id, l.id, format('%s and %s', l.allowance_total, l.charge_total)
FROM invoice_lines l
LEFT JOIN (
    SELECT organization_id, line_id, sum(amount) FILTER (WHERE NOT is_charge) AS allowed,
           sum(amount) FILTER (WHERE is_charge) AS charged
    FROM invoice_adjustments WHERE line_id IS NOT NULL GROUP BY 1, 2
) a ON (a.organization_id, a.line_id) = (l.organization_id, l.id)
WHERE l.allowance_total <> coalesce(a.allowed, 0) OR l.charge_total <> coalesce(a.charged, 0)

-- invoice-adjustments: The allowances and charges of the document add up to its totals of them.
SELECT i.organization_id, i.id, format('%s and %s', i.allowance_total, i.charge_total)
FROM invoices i
LEFT JOIN (
    SELECT organization_id, invoice_id, sum(amount) FILTER (WHERE NOT is_charge) AS allowed,
           sum(amount) FILTER (WHERE is_charge) AS charged
    FROM invoice_adjustments WHERE line_id IS NULL GROUP BY 1, 2
) a ON (a.organization_id, a.invoice_id) = (i.organization_id, i.id)
-- Where prices include tax these are amounts with tax, and the totals are without.
WHERE NOT i.prices_include_tax
  AND (i.allowance_total <> coalesce(a.allowed, 0) OR i.charge_total <> coalesce(a.charged, 0))

-- invoice-gross: Where prices include tax, the lines, less the allowances, with the charges, add up to the total.
SELECT i.organization_id, i.id, format('%s, total %s', l.gross - coalesce(a.allowed, 0), i.total)
FROM invoices i
JOIN (
    SELECT organization_id, invoice_id, sum(gross) AS gross
    FROM invoice_lines WHERE gross IS NOT NULL GROUP BY 1, 2
) l ON (l.organization_id, l.invoice_id) = (i.organization_id, i.id)
LEFT JOIN (
    SELECT organization_id, invoice_id, sum(CASE WHEN is_charge THEN -amount ELSE amount END) AS allowed
    FROM invoice_adjustments WHERE line_id IS NULL GROUP BY 1, 2
) a ON (a.organization_id, a.invoice_id) = (i.organization_id, i.id)
WHERE i.prices_include_tax AND i.total <> l.gross - coalesce(a.allowed, 0)

-- invoice-tax-total: The taxes of the breakdown add up to the tax total, in the tax currency too.
SELECT i.organization_id, i.id, format('groups %s, tax total %s', coalesce(g.tax, 0), i.tax_total)
FROM invoices i
LEFT JOIN (
    SELECT organization_id, invoice_id, sum(tax_amount) AS tax, sum(tax_amount_in_tax_currency) AS converted
    FROM invoice_tax_groups GROUP BY 1, 2
) g ON (g.organization_id, g.invoice_id) = (i.organization_id, i.id)
WHERE i.tax_total <> coalesce(g.tax, 0) OR i.tax_total_in_tax_currency <> g.converted

-- tax-group-base: What the groups of a category and rate tax is the lines, allowances and charges that bear such a tax;
-- and it is what these lines come to with their shares, beside the allowances and charges that stand alone.
WITH parts AS (
    -- Not by the name too: an allowance or charge has none, and joins the group that has one.
    SELECT t.organization_id, t.invoice_id, t.category, t.rate, coalesce(l.gross, l.net) AS amount,
           coalesce(l.gross, l.net) + l.shared_amount AS shared
    FROM invoice_line_taxes t
    JOIN invoice_lines l ON (l.organization_id, l.id) = (t.organization_id, t.line_id)
    UNION ALL
    SELECT organization_id, invoice_id, tax_category, tax_rate, CASE WHEN is_charge THEN amount ELSE -amount END,
           CASE WHEN NOT stands_alone THEN 0 WHEN is_charge THEN amount ELSE -amount END
    FROM invoice_adjustments WHERE tax_category IS NOT NULL
    UNION ALL
    -- A part has exactly the decimals of its currency, so that without the point it counts in minor units.
    SELECT a.organization_id, a.invoice_id, p.category, p.rate,
           replace(p.amount, '.', '')::bigint * CASE WHEN a.is_charge THEN 1 ELSE -1 END,
           CASE WHEN NOT a.stands_alone THEN 0 WHEN a.is_charge THEN a.amount ELSE -a.amount END
    FROM invoice_adjustments a,
         jsonb_to_recordset(a.parts) AS p (category text, rate numeric, amount text)
    WHERE a.line_id IS NULL AND a.tax_category IS NULL
), bases AS (
    SELECT organization_id, invoice_id, category, coalesce(rate, -1) AS rate, sum(amount) AS amount,
           sum(shared) AS shared
    FROM parts GROUP BY 1, 2, 3, 4
), groups AS (
    SELECT organization_id, invoice_id, category, coalesce(rate, -1) AS rate, sum(taxable_amount) AS taxable_amount,
           sum(tax_amount) AS tax_amount
    FROM invoice_tax_groups GROUP BY 1, 2, 3, 4
)
SELECT i.organization_id, i.id, format('%s %s: %s, not %s, with shares %s', m.category, m.rate,
       g.taxable_amount + CASE WHEN i.prices_include_tax THEN g.tax_amount ELSE 0 END, b.amount, b.shared)
FROM groups g
FULL JOIN bases b USING (organization_id, invoice_id, category, rate) AS m
JOIN invoices i ON (i.organization_id, i.id) = (m.organization_id, m.invoice_id)
WHERE (i.status <> 'draft' AND b.shared <> b.amount)
   OR (g.taxable_amount + CASE WHEN i.prices_include_tax THEN g.tax_amount ELSE 0 END IS DISTINCT FROM b.amount
       -- Several taxes on one line share what is in its price.
       AND NOT (i.prices_include_tax AND EXISTS (SELECT FROM invoice_line_taxes t
                                                 WHERE t.organization_id = i.organization_id
                                                 AND t.invoice_id = i.id AND t.position > 0)))

-- tax-group-tax: The tax of a group is its rate of what it taxes, rounded once, halves away from zero.
SELECT g.organization_id, g.invoice_id, format('%s at %s: %s', g.taxable_amount, g.rate, g.tax_amount)
FROM (SELECT *, coalesce(rate, 0) AS percent, (taxable_amount + tax_amount)::numeric AS gross FROM invoice_tax_groups) g
JOIN invoices i ON (i.organization_id, i.id) = (g.organization_id, g.invoice_id)
WHERE CASE WHEN i.prices_include_tax
    -- A quotient would be rounded twice. Several taxes on one line share what is in its price.
    THEN g.tax_amount <> sign(g.gross) * div(2 * abs(g.gross) * g.percent + 100 + g.percent, 2 * (100 + g.percent))
         AND NOT EXISTS (SELECT FROM invoice_line_taxes t WHERE t.organization_id = i.organization_id
                         AND t.invoice_id = i.id AND t.position > 0)
    ELSE g.tax_amount <> round(g.taxable_amount * g.percent * 0.01) END

-- tax-components: The components of a combined rate add up to it, and their shares to the tax of the group, on an
-- invoice as on a credit note.
SELECT g.organization_id, g.document_id, format('%s of %s, components %s of %s', g.tax_amount, g.rate, c.tax_amount,
       c.rate)
FROM (
    SELECT organization_id, invoice_id AS document_id, rate, tax_amount, components FROM invoice_tax_groups
    UNION ALL
    SELECT organization_id, credit_note_id, rate, tax_amount, components FROM credit_note_tax_groups
) g, LATERAL (
    SELECT sum(tax_amount) AS tax_amount, sum(rate) AS rate
    FROM jsonb_to_recordset(g.components) AS c (rate numeric, tax_amount numeric)
) c
WHERE g.components <> '[]' AND (c.tax_amount, c.rate) IS DISTINCT FROM (g.tax_amount, g.rate)

-- invoice-settled: What an invoice was paid and credited is what allocations hold, by the kind of their source, and
-- what was paid before it was imported.
SELECT i.organization_id, i.id, format('paid %s, credited %s; allocated %s and %s', i.amount_paid, i.amount_credited,
       coalesce(a.paid, 0), coalesce(a.credited, 0))
FROM invoices i
LEFT JOIN (
    SELECT a.organization_id, a.invoice_id, sum(a.amount) FILTER (WHERE s.type = 'payment') AS paid,
           sum(a.amount) FILTER (WHERE s.type <> 'payment') AS credited
    FROM allocations a
    JOIN sources s ON (s.organization_id, s.id) = (a.organization_id, a.source_id)
    WHERE a.released_at IS NULL GROUP BY 1, 2
) a ON (a.organization_id, a.invoice_id) = (i.organization_id, i.id)
-- One below zero is settled by becoming a credit of the buyer's.
WHERE i.amount_paid <> coalesce(a.paid, 0) + CASE WHEN i.status = 'draft' THEN 0
          WHEN i.payable_amount < 0 THEN i.payable_amount ELSE i.amount_settled_before END
   OR i.amount_credited <> coalesce(a.credited, 0)

-- invoice-status: The status goes with what is due, and each status with its moments.
SELECT organization_id, id, status
FROM invoices
WHERE (status = 'draft') <> (finalized_at IS NULL)
   OR num_nulls(number, number_key) <> CASE status WHEN 'draft' THEN 2 ELSE 0 END
   OR (status <> 'draft' AND issue_date IS NULL)
   OR (status = 'paid') <> (paid_at IS NOT NULL)
   OR (status = 'void') <> (voided_at IS NOT NULL)
   OR (status = 'uncollectible' AND marked_uncollectible_at IS NULL)
   OR (status IN ('draft', 'open') AND marked_uncollectible_at IS NOT NULL)
   OR (status = 'draft' AND num_nonnulls(reopened_at, marked_collectible_at) > 0)
   OR (status IN ('open', 'uncollectible') AND payable_amount - amount_paid - amount_credited <= 0)
   OR (status = 'paid' AND payable_amount - amount_paid - amount_credited <> 0)
   OR (status = 'void' AND (amount_paid <> 0 OR amount_credited <> 0))

-- invoice-revision: An invoice and the one that revises it name each other.
SELECT r.organization_id, r.id, format('revises %s, which was revised by %s', r.revision_of_id,
       coalesce(i.revised_by_id::text, 'none'))
FROM invoices r
LEFT JOIN invoices i ON (i.organization_id, i.id) = (r.organization_id, r.revision_of_id)
WHERE r.revision_of_id IS NOT NULL AND i.revised_by_id IS DISTINCT FROM r.id
UNION ALL
SELECT i.organization_id, i.id, format('revised by %s, which revises %s', i.revised_by_id,
       coalesce(r.revision_of_id::text, 'none'))
FROM invoices i
LEFT JOIN invoices r ON (r.organization_id, r.id) = (i.organization_id, i.revised_by_id)
WHERE i.revised_by_id IS NOT NULL AND r.revision_of_id IS DISTINCT FROM i.id

-- invoice-due-date: An issued invoice is due as its terms say, and not before its issue.
SELECT organization_id, id, format('issued %s, %s days, due %s', issue_date, net_terms_days, due_date)
FROM invoices
WHERE status <> 'draft' AND (due_date < issue_date OR due_date <> issue_date + net_terms_days)

-- invoice-parties: An issued invoice shows its own seller and its own buyer, as they were.
SELECT organization_id, id, format('seller %s, buyer %s', seller ->> 'id', buyer ->> 'id')
FROM invoices
WHERE CASE status WHEN 'draft' THEN num_nonnulls(seller, buyer) > 0
    ELSE seller ->> 'id' IS DISTINCT FROM organization_id::text OR buyer ->> 'id' IS DISTINCT FROM customer_id::text
         OR seller ->> 'name' IS NULL OR buyer ->> 'name' IS NULL END

-- invoice-history: The events of an invoice lead from draft to its status, by ways that there are.
WITH steps AS (
    SELECT organization_id, object_id, sequence, type,
           lag(type) OVER life AS before, lead(type) OVER life IS NULL AS is_last
    FROM events
    WHERE type IN ('invoice.finalized', 'invoice.imported', 'invoice.paid', 'invoice.reopened', 'invoice.voided',
                   'invoice.marked_uncollectible', 'invoice.marked_collectible')
    WINDOW life AS (PARTITION BY organization_id, object_id ORDER BY sequence)
), ways (before, type) AS (VALUES
    ('', 'invoice.imported'), ('invoice.imported', 'invoice.paid'), ('invoice.imported', 'invoice.voided'),
    ('invoice.imported', 'invoice.marked_uncollectible'), ('invoice.imported', 'invoice.marked_collectible'),
    ('', 'invoice.finalized'), ('invoice.finalized', 'invoice.paid'), ('invoice.finalized', 'invoice.voided'),
    ('invoice.finalized', 'invoice.marked_uncollectible'), ('invoice.paid', 'invoice.reopened'),
    ('invoice.reopened', 'invoice.paid'), ('invoice.reopened', 'invoice.voided'),
    ('invoice.reopened', 'invoice.marked_uncollectible'), ('invoice.reopened', 'invoice.marked_collectible'),
    ('invoice.marked_uncollectible', 'invoice.paid'), ('invoice.marked_uncollectible', 'invoice.voided'),
    ('invoice.marked_uncollectible', 'invoice.marked_collectible'), ('invoice.marked_collectible', 'invoice.paid'),
    ('invoice.marked_collectible', 'invoice.voided'), ('invoice.marked_collectible', 'invoice.marked_uncollectible')
), ends (type, status) AS (VALUES
    ('invoice.imported', 'open'), ('invoice.imported', 'paid'), ('invoice.imported', 'uncollectible'),
    ('invoice.imported', 'void'), ('invoice.finalized', 'open'), ('invoice.paid', 'paid'), ('invoice.reopened', 'open'),
    ('invoice.reopened', 'uncollectible'), ('invoice.voided', 'void'),
    ('invoice.marked_uncollectible', 'uncollectible'), ('invoice.marked_collectible', 'open')
)
SELECT s.organization_id, s.object_id, format('%s after %s', s.type, coalesce(s.before, 'nothing'))
FROM steps s
WHERE NOT EXISTS (SELECT FROM ways w WHERE (w.before, w.type) = (coalesce(s.before, ''), s.type))
UNION ALL
SELECT i.organization_id, i.id, format('%s, but last %s', i.status, coalesce(s.type, 'nothing'))
FROM invoices i
LEFT JOIN steps s ON (s.organization_id, s.object_id) = (i.organization_id, i.id) AND s.is_last
WHERE CASE WHEN i.status = 'draft' THEN s.type IS NOT NULL
    ELSE s.type IS NULL OR NOT EXISTS (SELECT FROM ends e WHERE (e.type, e.status) = (s.type, i.status)) END
