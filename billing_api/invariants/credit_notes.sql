-- What holds of credit notes.

-- credit-note-totals: The totals of a credit note follow from each other, and from its lines, charges and tax groups.
SELECT n.organization_id, n.id, format('%s + %s = %s', n.total_without_tax, n.tax_total, n.total)
FROM credit_notes n
LEFT JOIN (SELECT organization_id, credit_note_id, sum(net) AS net FROM credit_note_lines GROUP BY 1, 2) l
       ON (l.organization_id, l.credit_note_id) = (n.organization_id, n.id)
LEFT JOIN (SELECT organization_id, credit_note_id, sum(tax_amount) AS tax FROM credit_note_tax_groups GROUP BY 1, 2) g
       ON (g.organization_id, g.credit_note_id) = (n.organization_id, n.id)
WHERE n.total_without_tax <> n.subtotal - n.allowance_total + n.charge_total
   OR n.total <> n.total_without_tax + n.tax_total
   OR n.subtotal <> coalesce(l.net, 0)
   OR n.tax_total <> coalesce(g.tax, 0)

-- credit-note-fits: A credit note is of its invoice's own customer and currency, and of the amount of its source.
SELECT n.organization_id, n.id, format('invoice %s', n.invoice_id)
FROM credit_notes n
LEFT JOIN sources s ON (s.organization_id, s.id) = (n.organization_id, n.id)
LEFT JOIN invoices i ON (i.organization_id, i.id) = (n.organization_id, n.invoice_id)
WHERE (s.type, s.amount) IS DISTINCT FROM ('credit_note', n.total + n.rounding_amount)
   OR (n.invoice_id IS NOT NULL AND (i.customer_id, i.currency) IS DISTINCT FROM (s.customer_id, s.currency))
   OR i.status IN ('draft', 'void') OR s.dated_on < i.issue_date

-- invoice-credited: What an invoice was credited with is what its credit notes come to.
SELECT i.organization_id, i.id, format('total credited %s, credit notes %s', i.total_credited, coalesce(n.total, 0))
FROM invoices i
LEFT JOIN (
    SELECT organization_id, invoice_id, sum(total + rounding_amount) AS total
    FROM credit_notes WHERE invoice_id IS NOT NULL GROUP BY 1, 2
) n ON (n.organization_id, n.invoice_id) = (i.organization_id, i.id)
WHERE i.total_credited <> coalesce(n.total, 0)

-- line-credited: What a line was credited with is what credit notes have of it.
SELECT l.organization_id, l.id, format('%s of %s credited, credit notes %s of %s', l.credited_amount,
       l.credited_quantity, coalesce(n.amount, 0), coalesce(n.quantity, 0))
FROM invoice_lines l
LEFT JOIN (
    SELECT organization_id, invoice_line_id, sum(quantity) AS quantity,
           sum(amount - allowance_total + charge_total) AS amount
    FROM credit_note_lines WHERE invoice_line_id IS NOT NULL GROUP BY 1, 2
) n ON (n.organization_id, n.invoice_line_id) = (l.organization_id, l.id)
WHERE l.credited_amount <> coalesce(n.amount, 0) OR l.credited_quantity <> coalesce(n.quantity, 0)

-- adjustment-credited: What an allowance or a charge of the document was credited with is what credit notes have of
-- it.
SELECT a.organization_id, a.id, format('%s credited, credit notes %s', a.credited_amount, coalesce(n.amount, 0))
FROM invoice_adjustments a
LEFT JOIN (
    -- An allowance is taken back with the opposite sign.
    SELECT organization_id, adjustment_id, sum(CASE WHEN is_charge THEN amount ELSE -amount END) AS amount
    FROM credit_note_adjustments GROUP BY 1, 2
) n ON (n.organization_id, n.adjustment_id) = (a.organization_id, a.id)
WHERE a.credited_amount <> coalesce(n.amount, 0)

-- taxes-credited: What an invoice keeps of the taxes that were credited is what its credit notes have of them.
WITH credited AS (
    SELECT n.organization_id, n.invoice_id, g.category, g.rate, g.name, sum(g.tax_amount) AS tax_amount
    FROM credit_notes n
    JOIN credit_note_tax_groups g ON (g.organization_id, g.credit_note_id) = (n.organization_id, n.id)
    WHERE n.invoice_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5
), components AS (
    SELECT n.organization_id, n.invoice_id, g.category, g.rate, g.name, c.position,
           sum((c.component ->> 'tax_amount')::numeric) AS tax_amount
    FROM credit_notes n
    JOIN credit_note_tax_groups g ON (g.organization_id, g.credit_note_id) = (n.organization_id, n.id),
         jsonb_array_elements(g.components) WITH ORDINALITY AS c (component, position)
    WHERE n.invoice_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
), taken AS (
    SELECT g.organization_id, g.invoice_id AS id, coalesce(sum(c.tax_amount), 0) AS tax_total,
           jsonb_agg(jsonb_build_array(coalesce(c.tax_amount, 0)) ORDER BY g.position) AS pools,
           jsonb_agg(ARRAY(
               SELECT coalesce(t.tax_amount, 0)
               FROM jsonb_array_elements(g.components) WITH ORDINALITY AS o (component, position)
               LEFT JOIN components t ON (t.organization_id, t.invoice_id, t.category, t.position)
                                       = (g.organization_id, g.invoice_id, g.category, o.position)
                                     AND (t.rate, t.name) IS NOT DISTINCT FROM (g.rate, g.name)
               ORDER BY o.position
           ) ORDER BY g.position) AS components
    FROM (SELECT DISTINCT organization_id, invoice_id FROM credit_notes) n
    JOIN invoice_tax_groups g USING (organization_id, invoice_id)
    LEFT JOIN credited c ON (c.organization_id, c.invoice_id, c.category)
                          = (g.organization_id, g.invoice_id, g.category)
                        AND (c.rate, c.name) IS NOT DISTINCT FROM (g.rate, g.name)
    GROUP BY 1, 2
)
SELECT i.organization_id, i.id, format('%s, credit notes %s and %s', coalesce(i.taxes_credited::text, 'none'),
       coalesce(t.pools::text, 'none'), coalesce(t.components::text, 'none'))
FROM invoices i
LEFT JOIN taken t USING (organization_id, id)
WHERE num_nulls(i.taxes_credited, t.id) = 1
   OR i.taxes_credited -> 'components' IS DISTINCT FROM t.components
   OR CASE WHEN i.prices_include_tax
      -- What is taxed at once is then not a group, but all that stands under the same taxes.
      THEN t.tax_total IS DISTINCT FROM (
          SELECT sum(amount::numeric)
          FROM jsonb_path_query(i.taxes_credited, '$.pools[*][*] ? (@.type() == "number")') AS p (amount))
      ELSE i.taxes_credited -> 'pools' IS DISTINCT FROM t.pools END

-- credited-groups: What the credit notes of an invoice have of a tax group lies between nothing and all of it, and
-- bears its tax as a whole; once nothing is left of the invoice they have exactly all of it.
WITH credited AS (
    SELECT n.organization_id, n.invoice_id, g.category, g.rate, g.name, sum(g.taxable_amount) AS taxable_amount,
           sum(g.tax_amount) AS tax_amount, sum(g.taxable_amount) + sum(g.tax_amount) AS gross
    FROM credit_notes n
    JOIN credit_note_tax_groups g ON (g.organization_id, g.credit_note_id) = (n.organization_id, n.id)
    WHERE n.invoice_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5
), credited_invoices AS (
    SELECT i.organization_id, i.id, i.prices_include_tax,
           NOT EXISTS (SELECT FROM invoice_lines l WHERE (l.organization_id, l.invoice_id) = (i.organization_id, i.id)
                       AND coalesce(l.gross, l.net) + l.shared_amount <> l.credited_amount)
           AND NOT EXISTS (SELECT FROM invoice_adjustments a
                           WHERE (a.organization_id, a.invoice_id) = (i.organization_id, i.id) AND a.stands_alone
                           AND CASE WHEN a.is_charge THEN a.amount ELSE -a.amount END <> a.credited_amount)
               AS is_used_up,
           -- Several taxes on one line share what is in its price.
           i.prices_include_tax
           AND EXISTS (SELECT FROM invoice_line_taxes t
                       WHERE (t.organization_id, t.invoice_id) = (i.organization_id, i.id) AND t.position > 0)
               AS is_shared
    FROM invoices i
    JOIN (SELECT DISTINCT organization_id, invoice_id AS id FROM credit_notes) n USING (organization_id, id)
), invoiced AS (
    SELECT i.organization_id, g.invoice_id, g.category, g.rate, g.name, g.taxable_amount, g.tax_amount,
           coalesce(g.rate, 0) AS percent, i.prices_include_tax, i.is_used_up, i.is_shared
    FROM credited_invoices i
    JOIN invoice_tax_groups g ON (g.organization_id, g.invoice_id) = (i.organization_id, i.id)
)
SELECT c.organization_id, c.invoice_id, format('%s: %s and %s, credited %s and %s',
       concat_ws(' ', c.category, c.rate, c.name), i.taxable_amount, i.tax_amount, c.taxable_amount, c.tax_amount)
FROM credited c
LEFT JOIN invoiced i ON (i.organization_id, i.invoice_id, i.category) = (c.organization_id, c.invoice_id, c.category)
     AND (i.rate, i.name) IS NOT DISTINCT FROM (c.rate, c.name)
WHERE i.invoice_id IS NULL
   OR (NOT i.is_shared AND (
       c.taxable_amount NOT BETWEEN least(i.taxable_amount, 0) AND greatest(i.taxable_amount, 0)
       -- A quotient would be rounded twice.
       OR c.tax_amount <> CASE WHEN i.prices_include_tax
              THEN sign(c.gross) * div(2 * abs(c.gross) * i.percent + 100 + i.percent, 2 * (100 + i.percent))
              ELSE round(c.taxable_amount * i.percent * 0.01) END))
UNION ALL
SELECT i.organization_id, i.invoice_id, format('%s: %s and %s, credited all but %s and %s',
       concat_ws(' ', i.category, i.rate, i.name), i.taxable_amount, i.tax_amount,
       i.taxable_amount - coalesce(c.taxable_amount, 0), i.tax_amount - coalesce(c.tax_amount, 0))
FROM invoiced i
LEFT JOIN credited c ON (i.organization_id, i.invoice_id, i.category) = (c.organization_id, c.invoice_id, c.category)
     AND (i.rate, i.name) IS NOT DISTINCT FROM (c.rate, c.name)
WHERE i.is_used_up
  AND (i.taxable_amount, i.tax_amount) <> (coalesce(c.taxable_amount, 0), coalesce(c.tax_amount, 0))
