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

-- line-credited: What a line, an allowance or a charge was credited with is what credit notes have of it.
SELECT l.organization_id, l.id, format('%s of %s credited, credit notes %s of %s', l.credited_amount, l.credited_quantity,
       coalesce(n.amount, 0), coalesce(n.quantity, 0))
FROM invoice_lines l
LEFT JOIN (
    SELECT organization_id, invoice_line_id, sum(quantity) AS quantity,
           sum(amount - allowance_total + charge_total) AS amount
    FROM credit_note_lines WHERE invoice_line_id IS NOT NULL GROUP BY 1, 2
) n ON (n.organization_id, n.invoice_line_id) = (l.organization_id, l.id)
WHERE l.credited_amount <> coalesce(n.amount, 0) OR l.credited_quantity <> coalesce(n.quantity, 0)
